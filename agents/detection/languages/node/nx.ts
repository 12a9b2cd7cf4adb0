/** An application of an Nx workspace whose folder has a project.json and no package.json of its own. */
import { posix } from 'node:path';
import type { Service } from '../../contract.js';
import { makeService, type Place } from '../../place.js';
import { asText, at } from '../../values.js';
import { listSources, readCode } from './code.js';
import { findManager, quote } from './manager.js';

/** @returns null for a library, and where there is no nx.json at or above the place. */
export function detectNxProject(place: Place): Service | null {
  if (place.path === '.' || !place.has('project.json')) return null;
  const home = findHome(place);
  const project = place.json('project.json');
  if (home === null || project === null || at(project, 'projectType') === 'library') return null;
  const targets = at(project, 'targets');
  const target = ['serve', 'start', 'dev', 'preview'].find((name) => at(targets, name) !== undefined);
  if (target === undefined) return null;

  const manager = findManager(home);
  const up = `cd ${posix.relative(place.path, home.path) || '.'} && `;
  const name = asText(at(project, 'name')) ?? posix.basename(place.path);
  const executor = asText(at(targets, target, 'executor')) ?? asText(at(targets, target, 'command')) ?? '';
  const pages = /vite|next|angular|webpack:dev-server|rspack:dev-server|nuxt|remix|storybook/.test(executor);
  const facts = readCode(place, listSources(place));
  const flags = pages ? ' --port $PORT' : '';
  const said = Number(at(targets, target, 'options', 'port') ?? 0);
  const port =
    Number.isInteger(said) && said > 0 && said < 65_536
      ? [{ number: said, from: place.from('project.json', '"port"', `"${target}"`) }]
      : [];
  return makeService(place, {
    name,
    kind: 'web-service',
    language: 'node',
    framework: /next/.test(executor) ? 'next' : /angular/.test(executor) ? 'angular' : 'nx',
    packageManager: manager.name,
    versions: manager.versions,
    commands: {
      install: manager.install.map((command) => up + command),
      build: [],
      start: `${up}NX_DAEMON=false ${manager.exec(`nx run ${quote(`${name}:${target}`)}${flags}`)}`,
    },
    ports: [...port, ...facts.ports],
    proof: {
      how: 'http',
      command: null,
      paths: [...facts.routes, ...(pages ? [{ path: '/', from: place.from('project.json', `"${target}"`) }] : [])],
    },
    writes: [...manager.writes, 'dist', '.nx', 'tmp'].map((path) => `${posix.relative(place.path, home.path)}/${path}`),
    confidence: pages || facts.listens !== null ? 0.75 : 0.5,
    evidence: [
      place.evidence(
        `Nx serves it: target ${target} by ${executor || 'its plugin'}`,
        'project.json',
        `"${target}"`,
        '"targets"',
      ),
      home.evidence('an Nx workspace', 'nx.json'),
      ...(facts.listens === null
        ? []
        : [{ claim: `listens: ${facts.listens.text}`, file: facts.listens.file, line: facts.listens.line }]),
      ...manager.evidence,
    ],
  });
}

function findHome(place: Place): Place | null {
  for (let path = place.path; path !== '.'; ) {
    path = posix.dirname(path);
    const above = place.open(path);
    if (above.has('nx.json') && above.has('package.json')) return above;
  }
  return null;
}
