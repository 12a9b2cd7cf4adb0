/** Faults of a monorepo of several packages, of pages that are built, and of what other systems leave behind. */
import type { Editor, Fault } from './fault.js';

const api = (kind: string, rules: readonly string[], inject: Fault['inject']): Fault => ({
  kind,
  repo: 'workspace-apps',
  service: 'apps/api',
  says: 'the API',
  rules,
  inject,
});
const page = (kind: string, rules: readonly string[], inject: Fault['inject'], more: Partial<Fault> = {}): Fault => ({
  kind,
  repo: 'vite-spa',
  says: 'Vite page',
  rules,
  slow: true,
  inject,
  ...more,
});
const files = (kind: string, rules: readonly string[], inject: Fault['inject']): Fault => ({
  kind,
  repo: 'static-site',
  says: 'Hello from a page',
  rules,
  inject,
});
const scripts = (repo: Editor, path: string, more: Record<string, string>): void =>
  repo.json(path, (one) => ({ ...one, scripts: { ...one.scripts, ...more } }));

export const moreFaults: readonly Fault[] = [
  // A monorepo.
  api('package of the workspace not built', ['missing-build'], (repo) => {
    repo.write('packages/greeting/src/index.js', repo.text('packages/greeting/index.js'));
    repo.remove('packages/greeting/index.js');
    repo.write('packages/greeting/copy.js', "require('node:fs').cpSync('src', 'dist', { recursive: true });\n");
    repo.json('packages/greeting/package.json', (one) => ({
      ...one,
      main: 'dist/index.js',
      scripts: { build: 'node copy.js' },
    }));
  }),
  api('workspace: in a repository of npm', ['workspace-protocol'], (repo) =>
    repo.json('apps/api/package.json', (one) => ({ ...one, dependencies: { '@shop/greeting': 'workspace:*' } })),
  ),
  api('module of one of several services not declared', ['undeclared-module'], (repo) =>
    repo.edit('apps/api/server.js', (before) => `require('ms')('1m');\n${before}`),
  ),
  api('.env of the root not there', ['dotenv-file'], (repo) => {
    repo.write('.env.example', 'COLOUR=green\n');
    repo.edit(
      'apps/api/server.js',
      (before) => `require('node:fs').readFileSync(require('node:path').join(__dirname, '../../.env'));\n${before}`,
    );
  }),
  // A page that is built.
  page('plugin of the build not declared', ['undeclared-module'], (repo) =>
    repo.write(
      'vite.config.js',
      "import inspect from 'vite-plugin-inspect';\n\nexport default { plugins: [inspect({ build: false })] };\n",
    ),
  ),
  page('variable of the build of a page not set', ['missing-env'], (repo) => {
    repo.write('.env.example', 'VITE_API_URL=/api\n');
    repo.write(
      'vite.config.js',
      "if (!process.env.VITE_API_URL) throw new Error('VITE_API_URL must be set');\nexport default {};\n",
    );
  }),
  page('build that sets its variables as Windows does', ['windows-set'], (repo) =>
    scripts(repo, 'package.json', { build: 'SET NODE_ENV=production && vite build' }),
  ),
  // Files alone.
  files('page served by the server of Python 2', ['wrong-program'], (repo) =>
    repo.write('Procfile', 'web: python -m SimpleHTTPServer $PORT\n'),
  ),
  files('page copied by a build that is not declared', ['undeclared-program'], (repo) => {
    repo.write(
      'package.json',
      '{"name":"page","private":true,"scripts":{"build":"cpx \\"*.{html,css}\\" public","start":"serve public -l $PORT"},"devDependencies":{"serve":"14.2.4"}}\n',
    );
  }),
  {
    kind: 'requirements written by the shell of Windows',
    repo: 'flask-hello',
    says: 'Hello from Flask',
    rules: ['python-module'],
    slow: true,
    inject(repo) {
      repo.edit('app.py', (before) => before.replace(/@application\.route\("\/health"\)[\s\S]*?(?=\nif __name__)/, ''));
      repo.bytes('requirements.txt', Buffer.from('\ufeffflask>=2.2\r\n', 'utf16le'));
    },
  },
  {
    kind: 'indentation of Python with tabs and spaces',
    repo: 'python-plain-server',
    says: 'Hello from plain Python',
    rules: [],
    inject: (repo) => repo.edit('server.py', (before) => `${before}\nif True:\n    x = 1\n\ty = 2\n`),
  },
];
