/** What a program says about serving, where only the patterns differ from language to language. */
import type { Evidence, Service } from '../contract.js';
import { makeService, type Place } from '../place.js';
import {
  blank,
  citeAt,
  evidenceAt,
  type Found,
  findAll,
  openSource,
  portIn,
  type Source,
  type Syntax,
} from './source.js';

/**
 * Ports that stand behind a pattern: `8080`, `":8080"`, `"0.0.0.0", 8080`, `"http://0.0.0.0:8080"`.
 * @param patterns with the g flag, each ending where the port or the host before it begins.
 */
export function readPorts(place: Place, sources: readonly Source[], ...patterns: RegExp[]): Service['ports'] {
  const ports: Service['ports'] = [];
  for (const source of sources)
    for (const pattern of patterns)
      for (const found of findAll(source, pattern)) {
        const afterHost = /^\s*["'](?:https?:\/\/)?[\w.*-]+["']\s*,\s*(?:port\s*[:=]\s*)?/.exec(found.rest)?.[0] ?? '';
        const number = portIn(found.rest.slice(afterHost.length).replace(/^\s*(["'])https?:\/\//, '$1'));
        if (number !== null && !ports.some((port) => port.number === number))
          ports.push({ number, from: citeAt(place, found) });
      }
  return ports;
}

/** @param asking with the g flag, ending before the name's quote, e.g. `getenv(`. */
export function readPortEnv(place: Place, sources: readonly Source[], asking: RegExp): Evidence[] {
  for (const source of sources)
    for (const found of findAll(source, asking))
      if (/^\s*["']PORT["']/.test(found.rest)) return [evidenceAt(place, 'reads PORT from the environment', found)];
  return [];
}

/** @param routing with the g flag, ending before the path's quote. Health first, then the page, at most five. */
export function readRoutes(place: Place, sources: readonly Source[], routing: RegExp): Service['proof']['paths'] {
  const routes: Service['proof']['paths'] = [];
  for (const source of sources)
    for (const found of findAll(source, routing)) {
      const path = /^\s*["'](\/[\w./-]*)["']/.exec(found.rest)?.[1];
      if (path !== undefined && !routes.some((route) => route.path === path))
        routes.push({ path, from: citeAt(place, found) });
    }
  const order = ({ path }: { path: string }): number => (/health|ping|ready/.test(path) ? 0 : path === '/' ? 1 : 2);
  return routes.sort((a, b) => order(a) - order(b)).slice(0, 5);
}

const ASIDE =
  /(?:^|\/)(?:tests?|specs?|examples?|samples?|demos?|bench(?:marks?)?|vendor|deps|_build|build|dist|target|node_modules|third[-_]party|docs?|lib\/.*\.test)\//i;

/** The sources of a language below a place, the nearest first, without tests, examples and other people's code. */
export function openSources(place: Place, files: RegExp, syntax: Syntax, limit = 200): Source[] {
  const own = place.files().filter((file) => files.test(file) && !ASIDE.test(file));
  const nearest = own.sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  return nearest.slice(0, limit).flatMap((file) => openSource(place, file, syntax) ?? []);
}

/** What every service of a language has, whatever it turns out to be. */
export interface About {
  name?: string;
  language: string;
  packageManager: string | null;
  versions: Service['versions'];
  writes: string[];
  evidence: Evidence[];
}

export const makeLibrary = (
  place: Place,
  about: About,
  install: string[],
  build: string[],
  test: string | null,
): Service =>
  makeService(place, {
    ...about,
    kind: 'library',
    commands: { install, build, start: null },
    proof: { how: 'exit', command: test, paths: [] },
    confidence: 0.8,
  });

/**
 * A program that serves no page: a tool, a worker, or a job.
 * @param help its own option for help, where its code has one.
 */
export function makeProgram(
  place: Place,
  about: About,
  commands: Service['commands'],
  found: { args: Found | null; endless: Found | null; help?: boolean },
): Service {
  const kind = found.args !== null ? 'cli' : found.endless !== null ? 'worker' : 'job';
  const evidence = [...about.evidence];
  if (found.args !== null) evidence.push(evidenceAt(place, 'reads arguments', found.args));
  else if (found.endless !== null) evidence.push(evidenceAt(place, 'goes on without end', found.endless));
  return makeService(place, {
    ...about,
    kind,
    commands,
    proof: {
      how: kind === 'worker' ? 'log' : 'exit',
      command: found.help && found.args !== null ? `${commands.start} --help` : null,
      paths: [],
    },
    confidence: kind === 'job' ? 0.6 : 0.7,
    evidence,
  });
}

export const makeServer = (
  place: Place,
  about: About,
  served: {
    framework: string | null;
    commands: Service['commands'];
    ports: Service['ports'];
    paths: Service['proof']['paths'];
    env?: Service['env'];
    confidence?: number;
  },
): Service =>
  makeService(place, {
    ...about,
    kind: 'web-service',
    framework: served.framework,
    commands: served.commands,
    ports: served.ports,
    env: served.env ?? [],
    proof: { how: 'http', command: null, paths: served.paths },
    confidence: served.confidence ?? (served.framework === null ? 0.75 : 0.9),
  });

/** The first of the frameworks that a manifest names outside its comments, with the line that does. */
export function findFramework(
  place: Place,
  file: string,
  syntax: Syntax,
  frameworks: readonly (readonly [pattern: RegExp, name: string])[],
): { name: string; evidence: Evidence } | null {
  const lines = blank(place.read(file, 300_000) ?? '', syntax, 'comments').split('\n');
  for (const [pattern, name] of frameworks) {
    const line = lines.findIndex((text) => pattern.test(text)) + 1;
    if (line > 0) return { name, evidence: { claim: `depends on ${name}`, file: place.full(file), line } };
  }
  return null;
}
