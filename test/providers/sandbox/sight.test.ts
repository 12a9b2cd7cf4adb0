/** What is seen and written in a sandbox, tried in a real one. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { withoutSecrets } from '../../../providers/sandbox/homes.js';
import { findTool, keepIn } from '../../../providers/sandbox/index.js';
import type { Lower } from '../../../providers/sandbox/packages.js';
import { readConfig } from '../../../runtime/config.js';

const found = await findTool(readConfig({}).config.cache, 'auto', () => undefined);
const tool = typeof found === 'string' ? null : found;
if (tool === null) console.warn(`there is no sandbox here, its tests are left out: ${found}`);

/** A home, a state and a workspace; `run` runs a command in the sandbox and gives what it printed. */
function place(more: { inPlace?: boolean; install?: boolean; alsoRead?: string[]; packages?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'rr-test-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const at = (...parts: string[]): string => join(root, ...parts);
  const put = (path: string, text: string): string => {
    mkdirSync(join(at(path), '..'), { recursive: true });
    writeFileSync(at(path), text);
    return at(path);
  };
  for (const name of ['home', 'state/runs/r1', 'cache', 'work']) mkdirSync(at(name), { recursive: true });
  const passed: Record<string, string> = { HOME: at('home'), PATH: process.env.PATH! };
  const run = (shell: string, o: { install?: boolean; bins?: string[]; lowers?: Lower[] } = {}) => {
    const { words } = keepIn(
      {
        mode: 'auto',
        tool,
        said: '',
        workspace: at('work'),
        inPlace: more.inPlace ?? false,
        alsoRead: more.alsoRead ?? [],
        allow: [],
        packages: more.packages === undefined ? null : at(more.packages),
      },
      {
        bundle: at('state/runs/r1'),
        state: at('state'),
        cache: at('cache'),
        cwd: at('work'),
        install: o.install ?? more.install ?? false,
        bins: o.bins ?? [],
        toolEnv: [],
        passed,
        hosts: { db: '127.0.0.1' },
      },
      'x',
      o.lowers === undefined ? {} : { lowers: o.lowers },
    );
    const done = spawnSync(words[0]!, [...words.slice(1), '/bin/sh', '-c', shell], { env: passed, encoding: 'utf8' });
    return { out: done.stdout.trim(), err: done.stderr.trim(), code: done.status };
  };
  return { at, put, passed, run };
}

test.skipIf(tool === null)(
  'a home is empty but for tools and settings, and what is written there stays for the next command',
  () => {
    const { at, put, passed, run } = place();
    put('home/secret', 'x');
    put('home/.npmrc', 'registry=https://mirror.invalid/\n//mirror.invalid/:_authToken=tok\n');
    put('home/.config/pip/pip.conf', '[global]\nindex-url = https://me:word@mirror.invalid/simple\ntimeout = 3\n');
    const node = put('home/.nvm/versions/node/v20/bin/node', '#!/bin/sh\necho nvm\n');
    chmodSync(node, 0o755);
    // A wrapper whose program lies where nobody would look, and a link.
    const far = put('home/far/away/bin/real', '#!/bin/sh\necho real\n');
    chmodSync(far, 0o755);
    chmodSync(put('home/tools/wrapper', `#!/bin/sh\nexec '${far}' "$@"\n`), 0o755);
    expect(run('ls ~/secret ~/tools ~/far').out).toBe('');
    expect(run(`${node}; wrapper`, { bins: [at('home/tools')] }).err).toContain('wrapper: not found'); // it is not on PATH
    passed.PATH = `${at('home/tools')}:${passed.PATH}`;
    expect(run(`${node}; wrapper`).out).toBe('nvm\nreal');
    expect(run('cat ~/.npmrc ~/.config/pip/pip.conf').out).toBe(
      'registry=https://mirror.invalid/\n[global]\ntimeout = 3',
    );
    expect(run('cat ~/.npmrc', { install: true }).out).toContain('_authToken=tok');
    expect(run('echo pwned >~/.npmrc').code).not.toBe(0);
    run('echo mine >~/kept; echo mine >/tmp/kept');
    expect(run('cat ~/kept /tmp/kept').out).toBe('mine\nmine');
    expect(existsSync(at('home/kept'))).toBe(false);
    expect(run('grep -c " db$" /etc/hosts').out).toBe('1');
  },
);

test.skipIf(tool === null)('links that a command plants where the next one has its places lead nowhere', () => {
  const { at, put, run } = place();
  put('home/.config/pip/pip.conf', '[global]\n');
  put('outside/file', 'as it was');
  const target = at('outside');
  // What bubblewrap lays for the next command is laid through whatever stands there: from within, and as it sees the machine.
  const plant = `mv ~/.config ~/moved; ln -s ${target} ~/.config; mkdir -p ~/.yarn; mv ~/.yarn ~/moved2; ln -s /oldroot${target} ~/.yarn; ls -la ~`;
  expect(run(plant).out).toContain(`.config -> ${target}`);
  expect(run('ls ~/.config/pip; echo fine')).toMatchObject({ out: 'pip.conf\nfine', code: 0 });
  expect(readdirSync(target)).toEqual(['file']);
  expect(readFileSync(at('outside/file'), 'utf8')).toBe('as it was');
});

test.skipIf(tool === null)(
  'the history of the own folder is read-only, a link in its place shows nothing, and the state within is hidden',
  () => {
    const own = place({ inPlace: true });
    own.put('work/.git/HEAD', 'ref: refs/heads/main\n');
    expect(own.run('cat .git/HEAD; echo x >.git/HEAD; echo y >file; cat file').out).toBe('ref: refs/heads/main\ny');
    expect(readFileSync(own.at('work/.git/HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
    const linked = place({ inPlace: true });
    linked.put('home/.ssh/id', 'PRIVATE');
    symlinkSync(linked.at('home/.ssh'), linked.at('work/.git'));
    expect(linked.run('cat .git/id; echo fine').out).toBe('fine');
  },
);

test('of a setting file the lines that hold a secret are left out, and nothing else', () => {
  const text = `registry=https://mirror.invalid/
//mirror.invalid/:_authToken=abc
//mirror.invalid/:_password=abc
index-url = https://me:word@mirror.invalid/simple
  npmAuthToken: abc
  <password>abc</password>
proxy=http://proxy.invalid:8080
strict-ssl=false`;
  expect(withoutSecrets(text).split('\n')).toEqual([
    'registry=https://mirror.invalid/',
    'proxy=http://proxy.invalid:8080',
    'strict-ssl=false',
  ]);
});
