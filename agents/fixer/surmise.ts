/** What an output alone tells of where it comes from: its language, its package manager and the step it failed in. Pure. */
import type { Step } from './rules/rule.js';

const LANGUAGES: readonly [RegExp, string][] = [
  [
    /Traceback \(most recent call last\)|\bpip\b[^\n]*install|ModuleNotFoundError|ImportError:|externally-managed|\.py\b["':, ]|metadata-generation-failed|No matching distribution|requires a different Python|django|Pipfile|pyproject\.toml|poetry\.lock|uv\.lock|Error loading ASGI app|gunicorn|Flask application|ensurepip|python[\d.]*: |Failed to find attribute|pydantic|Failed to find Flask|ProtocolError\('|NewConnectionError\(|is not installable|Neither 'setup\.py'/i,
    'python',
  ],
  [/^go: |\.go:\d+:\d+: |main module or its selected|go\.mod|go\.sum|\bcgo\b|proxy\.golang\.org|GOPROXY/m, 'go'],
  [/\bcargo\b|rustc|Cargo\.toml|Cargo\.lock|-sys` crate/, 'rust'],
  [/Gemfile|[Bb]undler|\.rb:\d+|=> Rails|ActiveRecord|bin\/rails/, 'ruby'],
  [/composer|vendor\/autoload\.php|PHP extension|Illuminate/, 'php'],
  [
    /\bjavac?\b[^\n]*release|java\.lang\.|class file version|Maven|maven|gradle|Web server failed to start|source release: \d|release version \d+ not supported/,
    'java',
  ],
  [/NotCapable|deno run/, 'deno'],
];
const MANAGERS: readonly [RegExp, string][] = [
  [/ERR_PNPM_|\bpnpm\b|This project is configured to use/, 'pnpm'],
  [
    /yarn (?:install|run) v1|YN00\d\d|\byarn\b[^\n]*lockfile|lockfile needs to be updated|usage of Yarn|error Command "|lockfile would have been|The engine "node" is incompatible|version of Yarn|Couldn't find any versions for/,
    'yarn',
  ],
  [/^bun |bun install|Script not found "|lockfile had changes, but lockfile is frozen/m, 'bun'],
  [/poetry\.lock|\bpoetry (?:install|lock)\b/, 'poetry'],
  [/uv\.lock|uv (?:sync|pip)/, 'uv'],
  [/Pipfile/, 'pipenv'],
  [/\bpdm (?:install|sync)\b|pdm\.lock/, 'pdm'],
];
const INSTALLS =
  /npm (?:error|ERR!)(?! (?:Missing script|Lifecycle))|ERR_PNPM_|YN00|yarn install v1|bun install|pip install|No matching distribution|Failed building wheel|metadata-generation-failed|externally-managed|poetry\.lock|uv\.lock|Pipfile\.lock|gyp (?:ERR!|WARN|info)|\.git can't be found|lockfile needs to be updated|requires a different Python|ensurepip|ProtocolError\('|is not installable|Could not find a version|composer update|keyid|No package '|Preparing metadata/;
const BUILDS =
  /Creating an optimized production build|error TS\d|vite v\d+[^\n]*building|Failed to compile|webpack \d|digital envelope|adapter-auto|heap out of memory|compilation terminated|javac|Could not compile|class file version|source release|release version \d+ not supported|\[ERROR\] Failed to execute goal/;
const TOOLS = /is needed \([^)]*\) and this machine has/;

export interface Surmised {
  language: string;
  manager: string;
  step: Step;
}

/** @param text of a failed command; what it does not tell is taken for node and npm, failing at its start. */
export function surmise(text: string): Surmised {
  const language = LANGUAGES.find(([pattern]) => pattern.test(text))?.[1] ?? 'node';
  const manager = MANAGERS.find(([pattern]) => pattern.test(text))?.[1];
  const defaults: Record<string, string> = {
    node: 'npm',
    python: 'pip',
    ruby: 'bundler',
    php: 'composer',
    rust: 'cargo',
    java: 'maven',
  };
  const isScript = /Missing script|ERR_PNPM_NO_SCRIPT|Couldn't find a script named/.test(text);
  return {
    language,
    manager: manager ?? defaults[language] ?? language,
    step: TOOLS.test(text)
      ? 'toolchain'
      : INSTALLS.test(text) && !isScript
        ? 'deps'
        : BUILDS.test(text)
          ? 'build'
          : 'start',
  };
}

/** Commands as such a repository commonly has them. */
export function commonCommands({ language, manager }: Surmised): { install: string[]; build: string[]; start: string } {
  const start = {
    python: '.venv/bin/python app.py',
    go: 'go run .',
    rust: 'cargo run',
    ruby: 'bundle exec ruby app.rb',
    php: 'php -S 127.0.0.1:8000',
    java: 'java -jar target/app.jar',
    deno: 'deno run main.ts',
  }[language];
  const install = {
    npm: ['npm ci'],
    pnpm: ['pnpm install --frozen-lockfile'],
    yarn: ['yarn install --frozen-lockfile'],
    bun: ['bun install --frozen-lockfile'],
    pip: ['python3 -m venv .venv', '.venv/bin/python -m pip install -r requirements.txt'],
    poetry: ['poetry install'],
    uv: ['uv sync --locked'],
    pipenv: ['pipenv install --deploy'],
    pdm: ['pdm sync'],
    go: ['go mod download'],
    cargo: ['cargo fetch --locked'],
    bundler: ['bundle install'],
    composer: ['composer install --no-interaction'],
  }[manager];
  const build = { go: ['go build ./...'], rust: ['cargo build --locked'], java: ['mvn -q package'] }[language];
  return {
    install: install ?? [],
    build: build ?? ['npm run build'],
    start: start ?? `${manager === 'npm' ? 'npm' : manager} start`,
  };
}
