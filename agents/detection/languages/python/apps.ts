/** Finds the application objects of a Python project in its syntax: constructors, factories, what re-exports them. */

import { importName, resolveImport } from './import-path.js';
import {
  type Call,
  isWithin,
  type PythonModule,
  qualify,
  readAssignment,
  readCall,
  readCalls,
  readDotted,
  runsOnImport,
  type Scoped,
  splitCommas,
} from './module.js';

export interface App {
  framework: string;
  module: PythonModule;
  /** The variable, or the factory's name. */
  name: string;
  factory: boolean;
  /** Made inside a function that does not return it: only running the file reaches it. */
  hidden: boolean;
  line: number;
  /** Where an app of this module is constructed, when this only passes it on. */
  score: number;
  /** Dotted name of the module and the folder it is imported from. */
  dotted: string;
  importRoot: string;
}

const CONSTRUCTORS: Readonly<Record<string, string>> = {
  'flask.Flask': 'flask',
  'flask.app.Flask': 'flask',
  'apiflask.APIFlask': 'flask',
  'flask_openapi3.OpenAPI': 'flask',
  'quart.Quart': 'quart',
  'fastapi.FastAPI': 'fastapi',
  'fastapi.applications.FastAPI': 'fastapi',
  'starlette.applications.Starlette': 'starlette',
  'litestar.Litestar': 'litestar',
  'litestar.app.Litestar': 'litestar',
  'sanic.Sanic': 'sanic',
  'sanic.app.Sanic': 'sanic',
  'bottle.Bottle': 'bottle',
  'aiohttp.web.Application': 'aiohttp',
  'falcon.App': 'falcon',
  'falcon.API': 'falcon',
  'falcon.asgi.App': 'falcon-asgi',
  'gradio.Blocks': 'gradio',
  'gradio.Interface': 'gradio',
  'gradio.ChatInterface': 'gradio',
  'gradio.TabbedInterface': 'gradio',
  'fasthtml.common.FastHTML': 'fasthtml',
  'fasthtml.common.fast_app': 'fasthtml',
  'fasthtml.FastHTML': 'fasthtml',
  'fasthtml.fast_app': 'fasthtml',
  'dash.Dash': 'dash',
  'tornado.web.Application': 'tornado',
};
/** What a file must hold somewhere to be worth reading as code. */
export const WORTH_READING =
  /\b(flask|apiflask|flask_openapi3|quart|fastapi|starlette|litestar|sanic|bottle|aiohttp|falcon|gradio|fasthtml|dash|tornado|streamlit|chainlit|nicegui|create_app|make_app|get_app|build_app|app_factory|create_application|__main__|serve_forever|start_server|websockets|uvicorn|hypercorn|waitress|run_app|run_simple|argparse|click|typer|while True|while 1|discord|telegram|telebot|aiogram|slack_bolt|pyrogram|nextcord|disnake|apscheduler|schedule|asgi|wsgi|application|celery|environ|getenv|import app|import application|import server)\b/i;

const FACTORY_NAME = /^(create|make|get|build|init)_(app|application|server|api)$|^app_factory$|^create$/;
const ENTRY_FILES: Readonly<Record<string, number>> = {
  'wsgi.py': 9,
  'asgi.py': 9,
  'main.py': 6,
  'app.py': 6,
  'application.py': 5,
  'server.py': 5,
  'api.py': 4,
  'run.py': 5,
  'index.py': 4,
  'web.py': 4,
  '__init__.py': 4,
  '__main__.py': 3,
  'manage.py': 3,
};
const APP_NAMES: Readonly<Record<string, number>> = {
  app: 3,
  application: 3,
  api: 2,
  server: 2,
  demo: 2,
  web: 1,
  asgi: 1,
  wsgi: 1,
};

type Found = Pick<App, 'framework' | 'module' | 'name' | 'factory' | 'hidden' | 'line'>;

/** All apps found, best first. */
export function findApps(
  modules: ReadonlyMap<string, PythonModule>,
  files: ReadonlySet<string>,
  declared: ReadonlySet<string>,
): App[] {
  const found = new Map<string, Found[]>();
  const classes = findSubclasses(modules, files);
  for (const module of modules.values())
    found.set(module.file, findConstructed(module, classes.get(module.file) ?? new Map()));
  // Twice: wsgi.py passes on what main.py passes on from the package.
  for (let round = 0; round < 2; round++) {
    for (const module of modules.values()) {
      const known = found.get(module.file)!;
      for (const passed of findPassedOn(module, found, files)) {
        if (!known.some(({ name, factory }) => name === passed.name && factory === passed.factory)) known.push(passed);
      }
    }
  }
  const all = [...found.values()].flat().map((each): App => {
    const { dotted, importRoot } = importName(each.module, files);
    return { ...each, dotted, importRoot, score: scoreOf(each, declared) };
  });
  return all.sort((a, b) => b.score - a.score || a.module.file.length - b.module.file.length || a.line - b.line);
}

function scoreOf({ module, name, factory, hidden, framework, line }: Found, declared: ReadonlySet<string>): number {
  const folders = module.file.split('/');
  const base = folders.pop()!;
  // A file that both re-exports the app and runs it imports all that belongs to it.
  const runs =
    module.guard !== null || module.statements.some((each) => runsOnImport(each) && readsRun(module, each, name));
  return (
    (ENTRY_FILES[base] ?? 1) +
    (factory ? -3 : (APP_NAMES[name] ?? 0)) +
    (factory && FACTORY_NAME.test(name) ? 2 : 0) +
    (hidden ? -5 : 0) +
    (runs ? 4 : 0) +
    (declared.has(framework.replace('-asgi', '')) ? 2 : 0) +
    (isMounted(module, name) ? -12 : 0) -
    folders.filter((folder) => folder !== 'src').length +
    (line > 0 ? 0 : -1)
  );
}

const readsRun = (module: PythonModule, statement: Scoped, name: string): boolean =>
  readCalls(module, statement).some(({ written }) => written === `${name}.run` || written === `${name}.launch`);

/** `main.mount('/x', sub)`, `gr.mount_gradio_app(app, demo)`: the mounted one is not the entry. */
const isMounted = (module: PythonModule, name: string): boolean =>
  module.statements.some((statement) =>
    readCalls(module, statement).some(
      ({ written, args }) =>
        (/\.mount$/.test(written) && args.slice(1).some(({ tokens }) => tokens.some(({ text }) => text === name))) ||
        (/mount_gradio_app$/.test(written) && args.slice(1, 2).some(({ tokens }) => tokens[0]?.text === name)) ||
        (/\.add_(sub)?app$/.test(written) && args.some(({ tokens }) => tokens[0]?.text === name)),
    ),
  );

/** Local names of classes that derive from a known application class, also across files. */
function findSubclasses(
  modules: ReadonlyMap<string, PythonModule>,
  files: ReadonlySet<string>,
): Map<string, Map<string, string>> {
  const all = new Map<string, Map<string, string>>();
  for (let round = 0; round < 2; round++) {
    for (const module of modules.values()) {
      const here = all.get(module.file) ?? new Map<string, string>();
      all.set(module.file, here);
      for (const [local, imported] of module.imports) {
        const origin = resolveImport(module, imported, files);
        const framework = origin === null ? undefined : all.get(origin)?.get(imported.path.split('.').at(-1)!);
        if (framework !== undefined) here.set(local, framework);
      }
      for (const { tokens, inside } of module.statements) {
        if (inside.length > 0 || tokens[0]?.text !== 'class' || tokens[2]?.text !== '(') continue;
        for (const base of splitCommas(tokens.slice(3, -1))) {
          const written = readDotted(base, 0)?.name;
          if (written === undefined) continue;
          const framework = frameworkOf(module, written, here);
          if (framework !== null) here.set(tokens[1]!.text, framework);
        }
      }
    }
  }
  return all;
}

function frameworkOf(module: PythonModule, written: string, classes: ReadonlyMap<string, string>): string | null {
  const local = classes.get(written);
  if (local !== undefined) return local;
  const qualified = qualify(module, written);
  if (Object.hasOwn(CONSTRUCTORS, qualified)) return CONSTRUCTORS[qualified]!;
  // `from fasthtml.common import *`
  if (!written.includes('.') && !module.imports.has(written)) {
    for (const star of module.stars) {
      const through = `${star.module}.${written}`;
      if (star.level === 0 && Object.hasOwn(CONSTRUCTORS, through)) return CONSTRUCTORS[through]!;
    }
  }
  return null;
}

function findConstructed(module: PythonModule, classes: ReadonlyMap<string, string>): Found[] {
  const found: Found[] = [];
  /** Name of a function → apps bound in it. */
  const locals = new Map<string, Found[]>();
  const constructs = (call: Call | null): string | null =>
    call === null ? null : frameworkOf(module, call.written, classes);
  for (const statement of module.statements) {
    const owner = statement.inside[0];
    const first = statement.tokens[0];
    if (first?.text === 'return' && owner?.kind === 'def' && statement.inside.every(({ kind }) => kind !== 'class')) {
      const direct = constructs(readCall(module, statement.tokens, 1));
      const bound = locals
        .get(owner.name)
        ?.find(({ name }) => name === statement.tokens[1]?.text && statement.tokens.length === 2);
      const framework = direct ?? bound?.framework;
      if (framework !== undefined && isOutermostDef(statement) && !needsArguments(module, owner.name)) {
        const made = {
          framework,
          module,
          name: owner.name,
          factory: true,
          hidden: false,
          line: bound?.line ?? first.line,
        };
        if (!found.some(({ name, factory }) => factory && name === owner.name)) found.push(made);
        if (bound !== undefined) bound.hidden = false;
      }
      continue;
    }
    const assigned = readAssignment(statement);
    if (assigned === null) continue;
    const framework = constructs(readCall(module, assigned.value, 0));
    if (framework === null) continue;
    const app: Found = {
      framework,
      module,
      name: assigned.target,
      factory: false,
      hidden: false,
      line: statement.line,
    };
    if (runsOnImport(statement)) found.push(app);
    else if (isWithin(statement, 'class')) continue;
    else if (owner?.kind === 'def') {
      const bound = { ...app, hidden: true };
      locals.set(owner.name, [...(locals.get(owner.name) ?? []), bound]);
    } else found.push({ ...app, hidden: true });
  }
  // What a function builds and does not give back is reached by running the file, if it runs at all.
  for (const bound of [...locals.values()].flat()) if (bound.hidden && module.guard !== null) found.push(bound);
  return found;
}

const isOutermostDef = ({ inside }: Scoped): boolean => inside.filter(({ kind }) => kind === 'def').length === 1;

/** Whether a top-level function has a parameter without default. */
function needsArguments(module: PythonModule, name: string): boolean {
  const head = module.statements.find(
    ({ tokens, inside }) =>
      inside.length === 0 && tokens.some(({ text }, index) => text === 'def' && tokens[index + 1]?.text === name),
  );
  if (head === undefined) return true;
  const open = head.tokens.findIndex(({ text }) => text === '(');
  let depth = 0;
  let close = open;
  for (; close < head.tokens.length; close++) {
    const { kind, text } = head.tokens[close]!;
    if (kind !== 'op') continue;
    if ('([{'.includes(text)) depth++;
    if (')]}'.includes(text) && --depth === 0) break;
  }
  return splitCommas(head.tokens.slice(open + 1, close)).some(
    (part) =>
      !['*', '**', '/'].includes(part[0]!.text) && !part.some(({ kind, text }) => kind === 'op' && text === '='),
  );
}

/** `from pkg import app`, `app = create_app()`, `application = app`. */
function findPassedOn(
  module: PythonModule,
  found: ReadonlyMap<string, readonly Found[]>,
  files: ReadonlySet<string>,
): Found[] {
  const elsewhere = (local: string): Found | null => {
    const imported = module.imports.get(local.split('.')[0]!);
    if (imported === undefined) return null;
    const origin = resolveImport(module, imported, files);
    if (origin === null || origin === module.file) return null;
    // `from pkg import app` names the object, `import pkg.app` and then `app.app` its module.
    const wanted = local.includes('.') ? local.split('.').at(-1)! : imported.path.split('.').at(-1)!;
    return found.get(origin)?.find(({ name, hidden }) => name === wanted && !hidden) ?? null;
  };
  const here = (name: string): Found | null =>
    found.get(module.file)?.find((each) => each.name === name && !each.hidden) ?? elsewhere(name);
  const passed: Found[] = [];
  // An import alone passes the app on only where the file is made to be an entry.
  const base = module.file.split('/').at(-1)!;
  if (module.guard !== null || base === 'wsgi.py' || base === 'asgi.py') {
    for (const [local, imported] of module.imports) {
      const origin = elsewhere(local);
      if (origin !== null && !origin.factory) passed.push({ ...origin, module, name: local, line: imported.line });
    }
  }
  for (const statement of module.statements) {
    if (isWithin(statement, 'def', 'class')) continue;
    const assigned = readAssignment(statement);
    if (assigned === null) continue;
    const call = readCall(module, assigned.value, 0);
    const dotted = readDotted(assigned.value, 0);
    const origin =
      call !== null ? here(call.written) : dotted?.end === assigned.value.length ? here(dotted.name) : null;
    if (origin === null || (call !== null) !== origin.factory) continue;
    // Made under the guard it exists only when the file is run.
    const hidden = !runsOnImport(statement);
    passed.push({
      framework: origin.framework,
      module,
      name: assigned.target,
      factory: false,
      hidden,
      line: statement.line,
    });
  }
  return passed;
}
