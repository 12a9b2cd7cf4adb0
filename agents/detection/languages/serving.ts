/** What a program says about serving, where only the patterns differ from language to language. */
import type { Evidence, Service } from '../contract.js';
import type { Place } from '../place.js';
import { citeAt, evidenceAt, findAll, portIn, type Source } from './source.js';

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
