/** How an application object is served on a given port. */
import { word } from '../../../../runtime/shell.js';
import type { App } from './apps.js';
import { blocksOnImport, preparesUnderGuard, readPortEnv, readPortFlag } from './facts.js';
import type { Declared } from './manifest.js';

export interface Serving {
  start: string;
  /** Why it is started so: claim and line in the app's file. */
  reasons: { claim: string; line: number | null }[];
  /** The server that the command needs, and that is not declared. */
  undeclared: string | null;
  /** Routes the framework itself offers. */
  paths: string[];
}

export function serve(app: App, { python, dependencies, development }: Declared): Serving {
  const has = (name: string): boolean => dependencies.has(name) || development.has(name);
  const target = `${app.dotted}:${app.name}`;
  const quoted = app.factory ? `'${target}()'` : target;
  const path = app.importRoot === '.' ? '' : `PYTHONPATH=${shell(app.importRoot)} `;
  const module = (command: string, needs: string | null, paths: string[] = []): Serving => ({
    start: `${path}${python} -m ${command}`,
    reasons: [],
    undeclared: needs === null || has(needs) ? null : needs,
    paths,
  });
  const file = (reason: string, line: number | null, prefix = ''): Serving => {
    const flag = readPortFlag(app.module);
    const env = readPortEnv(app.module);
    const reasons = [{ claim: reason, line }];
    if (flag !== null) reasons.push({ claim: 'takes --port', line: flag });
    if (env !== null) reasons.push({ claim: 'reads PORT from the environment', line: env });
    const start = `${prefix}${python} ${shell(app.module.file)}${flag === null ? '' : ' --port $PORT'}`;
    return { start, reasons, undeclared: null, paths: [] };
  };
  if (app.hidden) return file('the app is made inside a function, so the file itself is run', app.line);
  const asgi = (paths: string[] = [], also = (name: string): boolean => has(name)): Serving => {
    const blocks = blocksOnImport(app.module);
    if (blocks !== null) return file('starts its server when imported, so the file itself is run', blocks);
    if (!has('uvicorn') && !also('uvicorn')) {
      if (has('hypercorn'))
        return module(`hypercorn ${target}${app.factory ? '()' : ''} --bind 127.0.0.1:$PORT`, null, paths);
      if (has('granian'))
        return module(
          `granian --interface asgi ${app.factory ? '--factory ' : ''}${target} --host 127.0.0.1 --port $PORT`,
          null,
          paths,
        );
      if (has('daphne') && !app.factory) return module(`daphne -b 127.0.0.1 -p $PORT ${target}`, null, paths);
    }
    const served = module(
      `uvicorn ${app.factory ? '--factory ' : ''}${target} --host 127.0.0.1 --port $PORT`,
      'uvicorn',
      paths,
    );
    return also('uvicorn') ? { ...served, undeclared: null } : served;
  };
  const wsgi = (fallback: () => Serving): Serving => {
    if (has('gunicorn')) return module(`gunicorn ${quoted} --bind 127.0.0.1:$PORT`, null);
    if (has('waitress') && !has('flask'))
      return module(`waitress ${app.factory ? '--call ' : ''}--listen=127.0.0.1:$PORT ${target}`, null);
    return fallback();
  };
  switch (app.framework) {
    case 'flask': {
      const prepares = preparesUnderGuard(app.module, app.name);
      if (prepares !== null)
        return file('prepares something under its __main__ guard, so the file itself is run', prepares);
      return wsgi(() => module(`flask --app ${target} run --host 127.0.0.1 --port $PORT`, 'flask'));
    }
    case 'fastapi':
      // `fastapi[standard]` brings uvicorn; which extras were asked for is not kept by name.
      return asgi(['/docs'], (name) => has(name) || has('fastapi-cli'));
    case 'starlette':
    case 'litestar':
    case 'falcon-asgi':
      return asgi();
    case 'fasthtml':
      return asgi([], () => has('python-fasthtml'));
    case 'quart':
      return has('uvicorn')
        ? asgi()
        : module(`hypercorn ${quoted} --bind 127.0.0.1:$PORT`, has('quart') ? null : 'quart');
    case 'sanic':
      return module(`sanic ${target} ${app.factory ? '--factory ' : ''}--host 127.0.0.1 --port $PORT`, 'sanic');
    case 'bottle': {
      const blocks = blocksOnImport(app.module);
      if (blocks !== null) return file('starts its server when imported, so the file itself is run', blocks);
      return wsgi(() => module(`bottle --bind 127.0.0.1:$PORT ${target}`, 'bottle'));
    }
    case 'falcon':
      return wsgi(() => file('serves itself', app.line));
    case 'gradio':
      return file('Gradio serves itself', app.line, 'GRADIO_SERVER_NAME=127.0.0.1 GRADIO_SERVER_PORT=$PORT ');
    case 'dash':
      return file('Dash serves itself and reads HOST and PORT', app.line, 'HOST=127.0.0.1 PORT=$PORT ');
    default:
      return file('serves itself', app.line);
  }
}

/** A path as one word of a shell. */
export const shell = word;
