import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apply } from '../../../agents/fixer/apply.js';
import { type Action, emptyOverlay, Fact, Overlay } from '../../../agents/fixer/contract.js';
import { heal, searchable } from '../../../agents/fixer/match.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import { mainLine } from '../../../providers/process/main-line.js';
import { actionsOf, type Given, healOf, lookOf } from './case.js';
import { corpus as pieces } from './corpus.js';

const ask = (given: Given): Fact => heal(healOf(given), lookOf(given));

const corpus = pieces.map(({ text }) => text);
const steps = ['toolchain', 'deps', 'build', 'start', 'prove'];

const words = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.constantFrom(...corpus.flatMap((text) => text.split('\n').filter((line) => line.length < 300))),
);
const texts = fc.array(words, { maxLength: 30 }).map((lines) => lines.join('\n'));
const managers = fc.constantFrom('npm', 'pnpm', 'yarn', 'bun', 'pip', 'poetry', null);

test('no output makes the fixer throw, and every answer is one its contract has', () => {
  fc.assert(
    fc.property(
      texts,
      fc.constantFrom(...steps),
      managers,
      fc.constantFrom('node', 'python', 'go'),
      fc.string(),
      (tail, step, packageManager, language, manifest) => {
        const given: Given = {
          step,
          tail,
          service: { packageManager, language },
          look: {
            texts: { 'package.json': manifest, '.env.example': tail },
            files: ['package.json', 'src/app.ts', 'app.py'],
            log: tail,
          },
        };
        Fact.parse(ask(given));
      },
    ),
    { numRuns: 400 },
  );
});

test('a text of 200 000 characters is judged soon', () => {
  for (const piece of [
    'A'.repeat(200_000),
    "Cannot find module '".repeat(10_000),
    'KEY is '.repeat(30_000),
    `${'a: '.repeat(70_000)}`,
    'husky '.repeat(34_000),
  ]) {
    const began = performance.now();
    for (const step of steps) ask({ step, tail: piece });
    expect(performance.now() - began).toBeLessThan(5_000);
  }
});

/** Inputs that a pattern which goes back and forth would be lost in: its own words over and over, on one line and on many. */
const adversaries = (own: string): string[] => {
  const words = own.replace(/\s+/g, ' ').trim().slice(0, 300) || 'a';
  return [' ', '\n', ''].flatMap((between) => {
    const piece = `${words.slice(0, Math.ceil(words.length * 0.8))}${between}`;
    return [piece.repeat(Math.ceil(200_000 / piece.length)), `${own.split('\n')[0]}${'a'.repeat(200_000)}`];
  });
};
test.each(rules.map((rule) => [rule.id, rule] as const))(
  'no pattern of %s is slow on 200 KB made against it',
  (id, rule) => {
    const own = pieces.find((piece) => piece.rule === id)!.text;
    for (const text of [...adversaries(own), `${'A_'.repeat(100_000)}`, '\'"`: '.repeat(40_000)]) {
      const seen = searchable(text);
      for (const signature of rule.signature) {
        // A search that does not end is ended: what runs here can be interrupted.
        const took = runInNewContext(
          'const began = Date.now(); new RegExp(source, flags).exec(seen); Date.now() - began',
          { source: signature.source, flags: signature.flags, seen },
          { timeout: 2_000 },
        ) as number;
        expect(took, `${id}: ${signature.source}`).toBeLessThan(500);
      }
    }
  },
);

const text = fc.string({ maxLength: 12 });
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('set-env' as const), name: text, value: text }),
    fc.record({
      do: fc.constant('set-command' as const),
      role: fc.constantFrom('install' as const, 'build' as const, 'start' as const),
      commands: fc.array(text),
    }),
    fc.record({ do: fc.constant('add-install' as const), command: text }),
    fc.record({ do: fc.constant('choose-version' as const), tool: text, want: text }),
    fc.record({ do: fc.constant('relax-version' as const), tool: text }),
    fc.record({ do: fc.constant('use-copy' as const) }),
    fc.record({ do: fc.constant('write-overlay-file' as const), path: text, text }),
    fc.record({ do: fc.constant('run-command' as const), command: text }),
    fc.record({ do: fc.constant('migrate' as const), command: text }),
    fc.record({ do: fc.constant('start-service' as const), service: text, host: fc.constant(null), port: fc.nat() }),
    fc.record({ do: fc.constant('create-database' as const), service: text, database: text }),
    fc.record({ do: fc.constant('map-host' as const), host: text, address: text }),
    fc.record({ do: fc.constant('install-system-package' as const), packages: fc.array(text) }),
    fc.record({ do: fc.constant('own-network' as const), port: fc.nat() }),
    fc.record({ do: fc.constant('serve-at' as const), service: text, port: fc.nat() }),
    fc.record({
      do: fc.constant('do-again' as const),
      step: fc.constantFrom('services' as const, 'deps' as const, 'build' as const, 'start' as const),
    }),
  ),
);
test('laying actions over an overlay leaves the one before as it was, so that going back to it undoes them', () => {
  fc.assert(
    fc.property(actions, actions, (first, second) => {
      const before = apply(emptyOverlay, first);
      const kept = structuredClone(before);
      const after = apply(before, second);
      expect(before).toEqual(kept);
      Overlay.parse(after);
      expect(apply(before, second)).toEqual(after);
      // A file of ours is only ever written into a copy.
      expect(after.files.length === 0 || after.copy).toBe(true);
    }),
  );
});

test('what works in the folder of the owner writes no lock file and no manifest', () => {
  const managersOf = {
    npm: ['npm ci'],
    pnpm: ['pnpm install --frozen-lockfile'],
    yarn: ['yarn install --frozen-lockfile'],
    bun: ['bun install --frozen-lockfile'],
  };
  let fixes = 0;
  for (const tail of corpus)
    for (const [packageManager, install] of Object.entries(managersOf))
      for (const step of ['deps', 'build', 'start']) {
        const fact = ask({
          step,
          tail,
          service: { packageManager, commands: { install, build: [], start: 'node server.js' } },
          look: { files: ['package-lock.json', 'server.js'] },
        });
        if (fact.type !== 'fixer.fixed' || fact.overlay.copy) continue;
        fixes++;
        for (const command of [...(fact.overlay.install ?? []), ...fact.overlay.extraInstall]) {
          if (/^npm (install|i|add)\b/.test(command)) expect(command).toMatch(/--no-save|--no-package-lock/);
          if (/^(pnpm|yarn|bun) (install|add|i)\b/.test(command))
            expect(command).toMatch(/--frozen-lockfile|--no-lockfile|--pure-lockfile|--no-save/);
        }
      }
  expect(fixes).toBeGreaterThan(50);
});

test('a fix that was tried is not tried again: the next rule answers, or none', () => {
  const tail =
    'npm error code EBADENGINE\nnpm error notsup Not compatible with your version of node/npm: a@1.0.0\nnpm error notsup Required: {"node":">=22 <23"}\n';
  const first = ask({ step: 'deps', tail });
  expect(first).toMatchObject({ rule: 'node-engine', from: 'toolchain', overlay: { versions: { node: '>=22 <23' } } });
  if (first.type !== 'fixer.fixed') return;
  const tried = [{ rule: first.rule, phase: 'setup', signature: first.signature }];
  const second = ask({ step: 'deps', tail, tried });
  expect(second).toMatchObject({
    rule: 'engine-strict',
    overlay: { versions: {}, env: { npm_config_engine_strict: 'false' } },
  });
  if (second.type !== 'fixer.fixed') return;
  const third = ask({
    step: 'deps',
    tail,
    tried: [...tried, { rule: second.rule, phase: 'setup', signature: second.signature }],
  });
  expect(third).toMatchObject({ type: 'fixer.helpless', error: { code: 'COMMAND_FAILED', fix: 'read the log' } });
});

test('another missing variable is another failure, and what was set stays set', () => {
  const overlay = { env: { SESSION_SECRET: 'x' } };
  const tried = [{ rule: 'missing-env', phase: 'run', signature: 'missing-env: SESSION_SECRET' }];
  expect(ask({ tail: 'Error: JWT_SECRET is required', overlay, tried })).toMatchObject({
    rule: 'missing-env',
    overlay: { env: { SESSION_SECRET: 'x', JWT_SECRET: '$generate' } },
  });
  expect(ask({ tail: 'Error: SESSION_SECRET is required', overlay, tried })).toMatchObject({ type: 'fixer.helpless' });
});

test.each([
  ['STRIPE_SECRET_KEY', null],
  ['OPENAI_API_KEY', null],
  ['AWS_SECRET_ACCESS_KEY', null],
  ['GITHUB_TOKEN', null],
  ['GOOGLE_CLIENT_SECRET', null],
  ['DATABASE_URL', null],
  ['REDIS_URL', null],
  ['DB_PASSWORD', null],
  ['JWT_SECRET', /^\$generate$/],
  ['NEXTAUTH_SECRET', /^\$generate$/],
  ['SECRET_KEY_BASE', /^\$generate$/],
  ['APP_URL', /^http:\/\/localhost:4100$/],
  ['HTTP_PORT', /^4100$/],
  ['GREETING_TEXT', /^hello there$/],
])('%s, where nobody set it, becomes %s', (name, value) => {
  const fact = ask({
    tail: `Error: ${name} is not set`,
    look: {
      texts: { '.env.example': 'GREETING_TEXT="hello there" # shown\nOPENAI_API_KEY=your-key-here\nDB_PASSWORD=\n' },
    },
  });
  if (value === null)
    expect(fact).toMatchObject({
      type: 'fixer.helpless',
      error: { code: 'SERVICE_MISSING', fix: expect.stringContaining(`--env ${name}=…`) },
    });
  else expect(actionsOf(fact)).toEqual([{ do: 'set-env', name, value: expect.stringMatching(value) }]);
});

test.each([
  'ReferenceError: SOME_CONSTANT is not defined',
  'warning: SENTRY_DSN is not set, errors are not reported',
  'LOG_DIR not set, using default /var/log',
  'POST is required',
])('"%s" is no missing variable', (tail) => {
  expect(ask({ tail })).toMatchObject({ type: 'fixer.helpless', error: { code: 'COMMAND_FAILED' } });
});

test.each([
  [
    'an error',
    'Traceback (most recent call last):\nshop.Sold: none left\nsqlite3.OperationalError: the disk is slow\nGET / 500',
    '; its log says: sqlite3.OperationalError: the disk is slow',
  ],
  ['no error', 'listening on 4100\n127.0.0.1 - - "GET / HTTP/1.1" 500 -', ''],
])('of a proof that failed the log is quoted where it has %s', (_, log, quoted) => {
  const message = 'it answers 500';
  const fact = ask({ step: 'prove', code: 'NOT_PROVEN', message, tail: 'Internal Server Error', look: { log } });
  expect(fact).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'NOT_PROVEN', message: `${message}${quoted}` },
  });
});

test('a secret of its own is never in the answer; the run goes on from where it is made', () => {
  const from = (step: string, tail: string) => {
    const fact = ask({ step, tail });
    return fact.type === 'fixer.fixed' ? [fact.from, fact.overlay.env] : fact;
  };
  const secret = { JWT_SECRET: '$generate' };
  expect(from('start', 'Error: JWT_SECRET is required')).toEqual(['config', secret]);
  expect(from('prove', 'Error: JWT_SECRET is required')).toEqual(['config', secret]);
  expect(from('deps', 'Error: JWT_SECRET is required')).toEqual(['config', secret]);
  expect(from('start', 'Error: LOG_LEVEL is required')).toEqual(['start', { LOG_LEVEL: 'info' }]);
});

test('the example of an environment is filled with what we may know, and keeps the rest as it is written', () => {
  const example = '# what it needs\nPORT=3000\nSESSION_SECRET=change-me\nSTRIPE_KEY=sk_test_xxx\n';
  const fact = ask({
    tail: "Error: ENOENT: no such file or directory, open '/app/.env'",
    look: { texts: { '.env.example': example } },
  });
  const [action] = actionsOf(fact);
  expect(fact).toMatchObject({ rule: 'dotenv-file', from: 'workspace', overlay: { copy: true } });
  expect(action).toMatchObject({
    path: '.env',
    text: expect.stringMatching(/^# what it needs\nPORT=4100\nSESSION_SECRET=\$generate\nSTRIPE_KEY=sk_test_xxx\n$/),
  });
});

test('a file outside the service is never written', () => {
  for (const path of ['/etc/app/.env', '../.env', '/app/../.env', '~/.env'])
    expect(
      actionsOf(
        ask({
          tail: `Error: ENOENT: no such file or directory, open '${path}'`,
          look: { texts: { '.env.example': 'A=1' } },
        }),
      ),
    ).toEqual([]);
});

test('the nearest version of a tool is taken only where there is one, and last', () => {
  const message = (met: string): string => `node 99.1.0 is needed (package.json:5) and this machine has ${met}`;
  expect(ask({ step: 'toolchain', code: 'TOOL_MISSING', message: message('20.20.2') })).toMatchObject({
    rule: 'nearest-version',
    cause: expect.stringContaining('degraded'),
    overlay: { relaxed: ['node'] },
    from: 'toolchain',
  });
  expect(ask({ step: 'toolchain', code: 'TOOL_MISSING', message: message('none') })).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'TOOL_MISSING' },
  });
  // The numbers of a host are no version.
  const cause = 'no node; npm cannot reach its registry: 127.0.0.1:4873: no connection is taken, for 25 s';
  expect(ask({ step: 'toolchain', code: 'TOOL_MISSING', message: message(cause) })).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'TOOL_MISSING', message: expect.stringContaining('127.0.0.1:4873') },
  });
  expect(rules.at(-1)!.id).toBe('nearest-version');
});

test('an install that was stopped since its host is silent keeps that as its error; pip is given what is installed', () => {
  const tail = '[keeper] stopped: mirror.example:8080: connections are taken and nothing is sent, for 25 s';
  const error = {
    step: 'deps' as const,
    code: 'HOST_UNREACHABLE' as const,
    message: 'mirror.example:8080 cannot be reached from here (connections are taken and nothing is sent, for 25 s)',
    tail,
  };
  expect(ask(error)).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'HOST_UNREACHABLE', message: error.message },
  });
  const install = ['python3 -m venv .venv', '.venv/bin/pip install -r requirements.txt'];
  const commands = { install, build: [], start: 'python app.py' };
  expect(ask({ ...error, service: { language: 'python', packageManager: 'pip', commands } })).toMatchObject({
    type: 'fixer.fixed',
    rule: 'installed-packages',
  });
});

test('a second package nobody declared is added beside the first, which npm would take for a left-over', () => {
  const fact = ask({
    tail: "Error: Cannot find module '@scope/two/deep'",
    overlay: { extraInstall: ['npm install --no-save --no-package-lock one'] },
  });
  expect(actionsOf(fact)).toEqual([
    { do: 'add-install', command: 'npm install --no-save --no-package-lock one @scope/two' },
  ]);
});

test.each(['./lib/x', '../x', '@/components/x', '~/x', 'src/x', 'lib/db'])('%s is no package of a registry', (name) => {
  expect(
    actionsOf(ask({ tail: `Error: Cannot find module '${name}'` })).filter((action) => action.do === 'add-install'),
  ).toEqual([]);
});

test('where the port stands in the source, its own setting for it is used', () => {
  const look = {
    texts: { 'server.js': 'const port = process.env.DASHBOARD_PORT || 4571;\nconnect(process.env.DB_PORT || 4571)' },
  };
  expect(actionsOf(ask({ tail: 'Error: listen EADDRINUSE: address already in use :::4571', look }))).toEqual([
    { do: 'set-env', name: 'DASHBOARD_PORT', value: '4100' },
  ]);
});

test.each([
  ['none', { type: 'fixer.fixed', rule: 'installed-packages' }],
  ['3.19, 3.20', { type: 'fixer.helpless', error: { code: 'COMMAND_FAILED' }, cause: 'flask==99 is not to be had' }],
])('an index that answered late, with versions %s, is judged by what it answered', (versions, answer) => {
  const tail = `WARNING: Retrying after connection broken by 'ReadTimeoutError("Read timed out.")'
ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: ${versions})
ERROR: No matching distribution found for flask==99`;
  const install = ['python3 -m venv .venv', '.venv/bin/pip install -r requirements.txt'];
  const service = {
    language: 'python',
    packageManager: 'pip',
    commands: { install, build: [], start: 'python app.py' },
  };
  expect(ask({ step: 'deps', tail, service })).toMatchObject(answer);
});

test('a port that is held and is not the one leased is no lost lease', () => {
  const fact = ask({
    tail: 'Error: listen EADDRINUSE: address already in use :::4571',
    service: { ports: [{ number: 4100, from: 'server.js:1' }] },
    look: { holder: 'node (pid 7)' },
  });
  expect(fact).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'PORT_HELD', message: expect.stringMatching(/4571.*node \(pid 7\)/) },
  });
});

test.each([
  ['another program holds it', { holder: 'node (pid 7)', ownNetwork: true }, 'port-apart'],
  ['nobody holds it any more: it was in its own way', { holder: null, ownNetwork: true }, undefined],
  ['there is no network to give it', { holder: 'node (pid 7)', ownNetwork: false }, undefined],
])('a fixed port is given in a network of its own only where that can help: %s', (_, look, rule) => {
  const given: Given = { tail: 'Error: listen EADDRINUSE: address already in use 127.0.0.1:4571', look };
  expect(ask({ ...given, can: ['own-network'] })).toMatchObject(
    rule === undefined
      ? { type: 'fixer.helpless', error: { code: 'PORT_HELD' } }
      : { rule, actions: [{ do: 'own-network', port: 4571 }], overlay: { ownNetwork: 4571 }, from: 'start' },
  );
  expect(ask(given)).toMatchObject({ type: 'fixer.helpless' });
});

test.each([
  [
    'npm error code 1\nnpm error path /x\nsrc/a.ts(1,2): error TS2304: Cannot find name\nnpm error A complete log of this run can be found in: /x',
    'src/a.ts(1,2): error TS2304: Cannot find name',
  ],
  [
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: too small\n',
    'ValueError: too small',
  ],
  ["\u001b[31mError: nope\u001b[0m\n    at x (/a.js:1:1) {\n  code: 'X'\n}\n\nNode.js v20.1.0\n", 'Error: nope'],
  [
    "thread 'main' panicked at src/main.rs:1:54:\nindex out of bounds: the len is 0 but the index is 0\nstack backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/59/library/std/src/panicking.rs:689:5\n   1: <usize as core::slice::index::SliceIndex<[T]>>::index\n   5: core::ops::function::FnOnce::call_once\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
    'index out of bounds: the len is 0 but the index is 0',
  ],
  [
    "make: *** No rule to make target 'thing.o', needed by 'all'.  Stop.\n",
    "make: *** No rule to make target 'thing.o', needed by 'all'.  Stop.",
  ],
  [
    '[ERROR]   The project  (/app/pom.xml) has 1 error\n[ERROR] \n[ERROR] Re-run Maven using the -X switch to enable full debug logging.\n[ERROR] [Help 1] http://cwiki.example.test/ProjectBuildingException\n',
    '[ERROR]   The project  (/app/pom.xml) has 1 error',
  ],
  ['just words\n\n', 'just words'],
  ['\n  \n', null],
])('of %j the line that says most is %j', (given, line) => {
  expect(mainLine(given)).toBe(line);
});

test('no two rules have one name, and each says what shows that it helped', () => {
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  for (const rule of rules) if (!('error' in rule)) expect(rule.proves.length).toBeGreaterThan(5);
});

test('a port lost between lease and start is answered with another lease, once for each port', () => {
  const tail = 'Error: listen EADDRINUSE: address already in use :::8080';
  const given: Given = { step: 'start', tail, port: 8080 };
  const first = ask(given);
  expect(first).toMatchObject({ type: 'fixer.fixed', rule: 'port-lost', from: 'port', overlay: { notPorts: [8080] } });
  const { signature, overlay } = first as Extract<Fact, { type: 'fixer.fixed' }>;
  const second = heal(
    { ...healOf(given), overlay, tried: [{ rule: 'port-lost', phase: 'run', signature }] },
    lookOf(given),
  );
  expect(second).toMatchObject({ type: 'fixer.helpless', error: { code: 'PORT_HELD' } });
});

test('of a start that brings servers up with docker first, the rest is started', () => {
  const tail = 'sh: 1: docker-compose: not found';
  const startFor = (scripts: Record<string, string>, running = ['postgres'], tail_ = tail) =>
    actionsOf(heal(healOf({ tail: tail_, running }), lookOf({ manifest: { scripts }, look: { bins: ['next'] } })));
  const start = (line: string) => [{ do: 'set-command', role: 'start', commands: [line] }];
  expect(startFor({ start: 'docker compose up -d db && node server.js' })).toEqual(start('node server.js'));
  expect(startFor({ prestart: 'docker-compose up -d', start: 'node server.js' })).toEqual(start('node server.js'));
  expect(startFor({ start: 'npm run db && next start', db: 'docker compose up -d' })).toEqual(
    start('export PATH="$PWD/node_modules/.bin:$PATH"; next start'),
  );
  // It is all of the start, or the run has no server up.
  expect(startFor({ start: 'docker compose up' })).toEqual([]);
  expect(startFor({ start: 'docker compose up -d && node server.js' }, [])).toEqual([]);
});

test.each([
  ["ssl: process.env.DATABASE_SSL === 'false' ? false : {}", 'DATABASE_SSL', 'false'],
  ["ssl: process.env.DB_SSL === 'true'", 'DB_SSL', 'false'],
  ["ssl: process.env['PG_TLS'] !== '0'", 'PG_TLS', '0'],
  ['ssl: process.env.USE_SSL ? {} : false', 'USE_SSL', ''],
  ["ssl: process.env.NODE_ENV === 'production' ? { rejectUnauthorized: false } : false", 'NODE_ENV', 'development'],
  ['ssl: { rejectUnauthorized: false }', null, null],
])('with %s TLS is switched off by %s', (line, name, value) => {
  const look = lookOf({ look: { texts: { 'db.js': `new Pool({ ${line} })` } } });
  const tail = 'Error: The server does not support SSL connections';
  const wanted = name === null ? [] : [{ do: 'set-env', name, value }];
  expect(actionsOf(heal(healOf({ tail, running: ['postgres'] }), look))).toEqual(wanted);
  // A server that this run has not up is asked for what it was asked.
  expect(actionsOf(heal(healOf({ tail }), look))).toEqual([]);
});

test('a package is added to a part of a workspace of npm in the way that npm does it there', () => {
  const service = { commands: { install: ['cd ../.. && npm ci'], build: [], start: 'npm start' } };
  const fact = heal(healOf({ tail: "Error: Cannot find module 'ms'", service }), lookOf({ manifest: {} }));
  expect(actionsOf(fact)).toEqual([{ do: 'add-install', command: 'npm install --no-save ms' }]);
});

test('what a script sets in the words of Windows is set here', () => {
  const tail = 'sh: 1: SET: not found';
  const service = { commands: { install: [], build: ['npm run build'], start: 'npm start' } };
  const build = (line: string) =>
    actionsOf(
      heal(
        healOf({ tail, service, step: 'build' }),
        lookOf({ manifest: { scripts: { build: line } }, look: { bins: ['vite'] } }),
      ),
    );
  const wanted = (line: string) => [
    { do: 'set-command', role: 'build', commands: [`export PATH="$PWD/node_modules/.bin:$PATH"; ${line}`] },
  ];
  expect(build('SET A=1&& SET B="two words" && vite build')).toEqual(
    wanted('export A=1 && export B="two words" && vite build'),
  );
  expect(build('vite build')).toEqual([]);
});

test('the .env of the root is written for a part of a repository, and none above the root', () => {
  const service = { path: 'api' };
  const written = (path: string) =>
    actionsOf(
      heal(
        healOf({ tail: `Error: ENOENT: no such file or directory, open '${path}'`, service }),
        lookOf({ look: { texts: { '../.env.example': 'COLOUR=green\n' } } }),
      ),
    );
  const file = { do: 'write-overlay-file', path: '../.env', text: 'COLOUR=green\n' };
  // The folder of the service is /app: its repository, by its path, one folder up.
  expect(written('/.env')).toEqual([file]);
  expect(written('/elsewhere/.env')).toEqual([]);
});

test('a rule that is left out is not asked, and the next that knows the failure is', () => {
  const given = { step: 'deps', tail: 'npm error code EBADENGINE\nnpm error Required: {"node":">=98"}' };
  const input = healOf(given);
  const all = heal(input, lookOf(given));
  expect(all).toMatchObject({ type: 'fixer.fixed', rule: 'node-engine' });
  const rest = heal({ ...input, without: ['node-engine'] }, lookOf(given));
  expect(rest).toMatchObject({ type: 'fixer.fixed', rule: 'engine-strict' });
  const none = heal({ ...input, without: ['node-engine', 'engine-strict'] }, lookOf(given));
  expect(none.type).toBe('fixer.helpless');
});
