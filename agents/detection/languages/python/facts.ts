/** Ports, environment variables, routes and loops, read from the syntax of Python files. */
import type { Service } from '../../contract.js';
import {
  argument,
  asString,
  type Call,
  isWithin,
  type PythonModule,
  readCalls,
  runsOnImport,
  type Scoped,
} from './module.js';
import type { Token } from './tokens.js';

export type Env = Service['env'][number];
export type PortClaim = Service['ports'][number];

const asPort = (token: Token | undefined): number | null => {
  const value = token?.kind === 'number' ? Number(token.text) : Number.NaN;
  return Number.isInteger(value) && value >= 1 && value <= 65535 ? value : null;
};
const IS_SECRET = /SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE|CREDENTIAL|_KEY$|_DSN$/i;
/** What every machine sets, or what starting the service sets. */
const NOT_ASKED = new Set([
  'PORT',
  'HOST',
  'HOME',
  'PATH',
  'USER',
  'PWD',
  'TMPDIR',
  'SHELL',
  'LANG',
  'TERM',
  'PYTHONPATH',
  'DJANGO_SETTINGS_MODULE',
  'WERKZEUG_RUN_MAIN',
  'FLASK_APP',
  'CI',
]);

/** `os.environ['X']` is required, `os.getenv('X')` and `os.environ.get('X', d)` are not. Also `config('X')` of decouple and `env('X')` of environ. */
export function readEnv(module: PythonModule, cite: (line: number) => string): Env[] {
  const found = new Map<string, Env>();
  const add = (name: string | null, required: boolean, value: string | null, line: number): void => {
    if (name === null || !/^[A-Za-z_]\w*$/.test(name) || NOT_ASKED.has(name) || found.has(name)) return;
    found.set(name, { name, required, secret: IS_SECRET.test(name), default: value, from: cite(line) });
  };
  for (const statement of module.statements) {
    for (const call of readCalls(module, statement)) {
      const name = asString(argument(call, 'key', 0)?.tokens);
      if (call.name === 'os.getenv' || call.name === 'os.environ.get' || call.name === 'environ.get')
        add(name, false, literal(argument(call, 'default', 1)?.tokens), call.line);
      else if (
        call.name === 'decouple.config' ||
        (call.name === 'env' && module.imports.get('environ') !== undefined)
      ) {
        const fallback = argument(call, 'default');
        add(name, fallback === undefined, literal(fallback?.tokens), call.line);
      }
    }
    const { tokens } = statement;
    for (let index = 0; index + 3 < tokens.length; index++) {
      const reads =
        tokens[index]!.text === 'environ' && tokens[index]!.kind === 'name' && tokens[index + 1]!.text === '[';
      if (!reads || tokens[index + 3]!.text !== ']' || tokens[index + 4]?.text === '=') continue;
      // `del os.environ['X']`, and a look inside `try`, which somebody catches.
      const caught = statement.inside.some(({ name }) => name === 'try');
      if (tokens[0]!.text !== 'del')
        add(asString(tokens.slice(index + 2, index + 3)), !caught, null, tokens[index]!.line);
    }
  }
  return [...found.values()];
}

function literal(tokens: readonly Token[] | undefined): string | null {
  const [only] = tokens ?? [];
  if (tokens?.length !== 1 || only === undefined || only.formatted === true) return null;
  return only.kind === 'string' || only.kind === 'number'
    ? only.text
    : /^(True|False)$/.test(only.text)
      ? only.text
      : null;
}

/** Port numbers a file names: `port=5000`, `PORT = 8000`, `environ.get('PORT', 5000)`, `HTTPServer(('', 8000), …)`. */
export function readPorts(module: PythonModule, cite: (line: number) => string): PortClaim[] {
  const ports = new Map<number, PortClaim>();
  const add = (number: number | null, line: number): void => {
    if (number !== null && !ports.has(number)) ports.set(number, { number, from: cite(line) });
  };
  for (const statement of module.statements) {
    const { tokens } = statement;
    for (let index = 0; index < Math.min(tokens.length, 4_000); index++) {
      const token = tokens[index]!;
      const named = token.kind === 'name' && /^(\w*_)?port$/i.test(token.text);
      // `DB_PORT = 5432` is where somebody else listens.
      if (
        named &&
        !/db|database|redis|postgres|pg_|mysql|mongo|smtp|mail|amqp|rabbit|cache|remote|target|upstream/i.test(
          token.text,
        )
      ) {
        const equals =
          tokens[index + 1]?.text === '='
            ? index + 1
            : tokens[index + 1]?.text === ':' && tokens[index + 3]?.text === '='
              ? index + 3
              : -1;
        if (equals > 0) add(asPort(tokens[equals + 1]), token.line);
      }
      if (token.kind === 'string' && token.text === 'PORT' && tokens[index + 1]?.text === ',') {
        const value = tokens[index + 2];
        add(
          value?.kind === 'string' && /^\d+$/.test(value.text) ? asPort({ ...value, kind: 'number' }) : asPort(value),
          token.line,
        );
      }
    }
    for (const call of readCalls(module, statement)) {
      if (/(Server|make_server)$/.test(call.name)) {
        const [first, second] = call.args;
        const pair = first?.tokens[0]?.text === '(' ? first.tokens[3] : second?.tokens[0];
        add(asPort(pair), call.line);
      } else if (/\.listen$/.test(call.name)) add(asPort(call.args[0]?.tokens[0]), call.line);
      else if (call.name.endsWith('.add_argument') && isPortFlag(call))
        add(asPort(argument(call, 'default')?.tokens[0]), call.line);
    }
  }
  return [...ports.values()];
}

const isPortFlag = (call: Call): boolean => call.args.some(({ tokens }) => asString(tokens) === '--port');
/** Where the file takes `--port`, by argparse, click or typer. */
export function readPortFlag(module: PythonModule): number | null {
  for (const statement of module.statements)
    for (const call of readCalls(module, statement))
      if (/(add_argument|option|Option)$/.test(call.name) && isPortFlag(call)) return call.line;
  return null;
}
/** Where the file reads the environment's PORT. */
export function readPortEnv(module: PythonModule): number | null {
  for (const { tokens } of module.statements) {
    const at = tokens.findIndex(
      ({ kind, text }, index) =>
        kind === 'string' &&
        text === 'PORT' &&
        tokens.slice(Math.max(0, index - 4), index).some((each) => /^(environ|getenv|get|env|config)$/.test(each.text)),
    );
    if (at >= 0) return tokens[at]!.line;
  }
  return null;
}

/** Routes that a plain GET can ask, in the order written. */
export function readRoutes(module: PythonModule, receivers: ReadonlySet<string>): { path: string; line: number }[] {
  const routes: { path: string; line: number }[] = [];
  for (const statement of module.statements) {
    const decorator = statement.tokens[0]?.text === '@';
    for (const call of readCalls(module, statement)) {
      const dot = call.written.lastIndexOf('.');
      const receiver = call.written.slice(0, Math.max(0, dot));
      const verb = call.written.slice(dot + 1);
      const path = asString(argument(call, 'path', 0)?.tokens) ?? asString(argument(call, 'rule')?.tokens);
      if (path === null || !/^\/[\w./~-]*$/.test(path)) continue;
      const methods = argument(call, 'methods')
        ?.tokens.filter(({ kind }) => kind === 'string')
        .map(({ text }) => text.toUpperCase());
      if (methods !== undefined && !methods.includes('GET')) continue;
      const onApp = decorator && receivers.has(receiver) && ['route', 'get', 'api_route'].includes(verb);
      // Starlette's and aiohttp's tables of routes.
      const inTable =
        !decorator &&
        (call.name === 'starlette.routing.Route' || verb === 'add_get' || call.name === 'aiohttp.web.get');
      const bare = decorator && dot < 0 && ['bottle.route', 'bottle.get'].includes(call.name);
      if (onApp || inTable || bare) routes.push({ path, line: call.line });
    }
  }
  return routes;
}

const SERVES =
  /^(asyncio\.start_server|websockets\.(\w+\.)*serve|http\.server\.(HTTPServer|ThreadingHTTPServer)|socketserver\.(TCPServer|ThreadingTCPServer)|wsgiref\.simple_server\.make_server|simple_server\.make_server|uvicorn\.run|waitress\.serve|hypercorn\.\w+|aiohttp\.web\.run_app|bottle\.run|http\.server\.test|flask_socketio\.SocketIO|nicegui\.ui\.run|werkzeug\.serving\.run_simple)$/;
/** Where the file itself starts to listen when it is run. */
export function readServing(module: PythonModule): { line: number; name: string } | null {
  for (const statement of module.statements) {
    // A function of a library that could serve is not a file that serves.
    if (module.guard === null && !runsOnImport(statement) && !isCalledOnImport(module, statement)) continue;
    for (const call of readCalls(module, statement)) {
      if (SERVES.test(call.name) || starred(module, call.name)) return { line: call.line, name: call.name };
      if (module.imported.some((each) => each.module.startsWith('tornado')) && call.written.endsWith('.listen'))
        return { line: call.line, name: call.name };
    }
  }
  return null;
}
const isCalledOnImport = (module: PythonModule, { inside }: Scoped): boolean =>
  inside[0]?.kind === 'def' &&
  module.statements.some(
    (each) => runsOnImport(each) && readCalls(module, each).some(({ written }) => written === inside[0]!.name),
  );
const starred = (module: PythonModule, name: string): boolean =>
  module.stars.some((star) => SERVES.test(`${star.module}.${name}`));

/** A loop without end that runs when the file is run: a worker's mark. */
export const readEndless = (module: PythonModule): number | null =>
  module.statements.find(
    ({ tokens }) => tokens[0]?.text === 'while' && /^(True|1)$/.test(tokens[1]?.text ?? '') && tokens.length === 2,
  )?.line ?? null;

/** Calls under the guard, or of the functions the guard calls, besides starting the server: only running the file does them. */
export function preparesUnderGuard(module: PythonModule, app: string): number | null {
  for (const statement of module.statements) {
    if (!isWithin(statement, 'guard') || isWithin(statement, 'def', 'class')) continue;
    for (const { written, line } of readCalls(module, statement)) {
      const harmless =
        /^(print|int|str|bool|float|len|sys\.exit|exit|os\.(getenv|environ\.\w+|path\.\w+)|logging\.\w+|logger?\.\w+|.*\.(getenv|get|parse_args|add_argument))$/;
      if (
        !harmless.test(written) &&
        !written.endsWith('ArgumentParser') &&
        written !== `${app}.run` &&
        !/(^|\.)(run|serve|launch|run_app|run_simple|make_server|serve_forever|listen)$/.test(written)
      )
        return line;
    }
  }
  return null;
}
/** `app.run()` or `uvicorn.run(app)` at the module's level, unguarded: importing the module would block. */
export const blocksOnImport = (module: PythonModule): number | null =>
  module.statements.find(
    (statement) =>
      runsOnImport(statement) &&
      readCalls(module, statement).some(
        ({ name }) => SERVES.test(name) || name.endsWith('.serve_forever') || name.endsWith('.run_forever'),
      ),
  )?.line ?? null;
