/** The whole look at a repository: places → detectors → hints weighed in → ranked → chosen. Pure over the tree. */

import { posix } from 'node:path';
import type { Tree } from '../../providers/tree.js';
import { fail } from '../../runtime/errors.js';
import { findClaim } from './claim.js';
import type { Hint, Service } from './contract.js';
import { findFileDatabases } from './file-database.js';
import { readHints } from './hints/index.js';
import { detectors } from './languages/index.js';
import { findAssets } from './languages/node/assets.js';
import { makeService, openPlaces, type Place } from './place.js';
import { findPlaces } from './places.js';
import { type Ranked, rankServices, scoreService } from './rank.js';
import { findTests } from './tests.js';
import { asList, asTable, at } from './values.js';
import { hintsOf, listWorkers, serviceFromHints, weighHints } from './weigh.js';

export interface Detection {
  services: Service[];
  /** Names of the services to run; empty when nothing here runs. */
  chosen: string[];
  hints: Hint[];
  notes: string[];
}

/**
 * @param repository what the user gave (a folder or a URL): its last part names the service at the root.
 * @param service a service's name or path to choose; null: the best one.
 * @throws SERVICE_UNKNOWN naming the services there are.
 */
export function detect(
  tree: Tree,
  { repository, service = null }: { repository: string; service?: string | null },
): Detection {
  const { place, notes } = openPlaces(tree);
  const root = place('.');
  const paths = findPlaces(root);
  const asked = service === null ? null : posix.normalize(service).replace(/\/+$/, '').replace(/^\.\//, '');
  // A folder that is asked for by its path is looked at even where nobody would look by himself, e.g. an example.
  if (asked !== null && !paths.includes(asked) && tree.files.some((file) => file.startsWith(`${asked}/`)))
    paths.push(asked);

  const { hints, notes: said } = readHints(tree, paths);
  const found = paths.flatMap((path) => {
    const own = hintsOf(hints, path);
    return lookAt(place(path), own).map((one) =>
      withClaim(withTests(withFileDatabases(one, place(path)), place(path), own), root),
    );
  });
  if (found.length === 0) found.push(...findCompose(root));
  const services = nameServices(found, posix.basename(tree.root.replaceAll('\\', '/')), repository);
  const ranked = rankServices(services);
  const chosen = choose(ranked, service, asked, notes);
  if (services.length === 0) notes.push(nothingFound(root));
  return {
    services: ranked.map(({ service: one }) => one),
    chosen: chosen === null ? [] : [chosen.name],
    hints,
    notes: [...new Set([...notes, ...said, ...tree.notes])],
  };
}

/** The services of one place: the best reading of it, and others only where they would run beside it. */
function lookAt(place: Place, hints: readonly Hint[]): Service[] {
  const candidates = detectors.flatMap((detector) => detector(place) ?? []);
  const ranked = rankServices(candidates);
  const best = ranked[0]?.service;
  if (best === undefined) {
    const only = serviceFromHints(place, hints);
    if (only === null) return [];
    const main = weighHints(only, place, hints);
    return [main, ...listWorkers(main, place, hints)];
  }
  const others = ranked
    .slice(1)
    .filter(
      ({ service }) => service.confidence >= 0.6 && service.kind === 'web-service' && best.kind !== 'static-site',
    );
  const main = weighHints(withAssets(best, place), place, hints);
  return [main, ...listWorkers(main, place, hints), ...others.map(({ service }) => service)];
}

function withClaim(service: Service, root: Place): Service {
  const claim = findClaim(service, root);
  if (claim === null) return service;
  root.notes.push(`${claim.from} claims how ${service.name} is brought up: that is tried first, and proven anew`);
  return { ...service, claim };
}

/** Its database is one of the things that a run writes. */
function withFileDatabases(service: Service, place: Place): Service {
  const fileDatabases = findFileDatabases(place);
  if (fileDatabases.length === 0) return service;
  const writes = [...new Set([...service.writes, ...fileDatabases.map(({ path }) => path)])];
  return { ...service, fileDatabases, writes };
}

function withTests(service: Service, place: Place, hints: readonly Hint[]): Service {
  const tests = findTests(service, place, hints);
  return tests === null ? service : { ...service, tests };
}

/** A page of Laravel or Django whose scripts and styles are built by Node is not whole without them. */
function withAssets(service: Service, place: Place): Service {
  if (
    !/^(?:php|ruby|python|go|rust|java|dotnet|elixir|crystal|scala|clojure|swift)$/.test(service.language) ||
    service.kind !== 'web-service'
  )
    return service;
  const { install, build } = service.commands;
  if ([...install, ...build].some((command) => /\b(?:npm|pnpm|yarn|bun)\b/.test(command))) return service;
  const assets = findAssets(place);
  if (assets === null) return service;
  return {
    ...service,
    versions: { ...assets.versions, ...service.versions },
    commands: { ...service.commands, install: [...install, ...assets.install], build: [...assets.build, ...build] },
    writes: [...new Set([...service.writes, ...assets.writes])],
    evidence: [...service.evidence, ...assets.evidence],
  };
}

/** A repository that only composes images of others. */
function findCompose(root: Place): Service[] {
  const file = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'].find((name) =>
    root.has(name),
  );
  if (file === undefined || root.yaml(file) === null) return [];
  const services = Object.values(asTable(root.yaml(file)!.services));
  const ports = services
    .flatMap((one) => asList(at(one, 'ports')))
    .flatMap((entry) => {
      const match = /(?:^|:)(\d{1,5})(?::\d{1,5})?(?:\/tcp)?$/.exec(String(at(entry, 'published') ?? entry));
      const number = Number(match?.[1] ?? 0);
      return number < 1 || number > 65_535 ? [] : [{ number, from: root.from(file, String(number)) }];
    });
  return [
    makeService(root, {
      kind: 'compose',
      language: 'compose',
      commands: { install: [], build: [], start: `docker compose -f ${file} up` },
      ports: ports.filter(({ number }, index) => ports.findIndex((other) => other.number === number) === index),
      confidence: 0.7,
      evidence: [root.evidence('only a compose file says what runs here', file, /^services\s*:/)],
    }),
  ];
}

/** Each name once: the folder, then with its parents, then with its language. */
function nameServices(services: readonly Service[], folder: string, repository: string): Service[] {
  const said = posix.basename(repository.replace(/[\\/]+$/, '').replaceAll('\\', '/'));
  const base = said.replace(/\.(?:git|zip|tgz|tar\.gz)$/, '');
  const first = services.map((service) => {
    // The workspace's own folder may be a copy's, e.g. `work`.
    const atRoot = service.path === '.' && base !== '' && base !== '.' && service.name.startsWith(folder);
    return atRoot ? { ...service, name: `${base}${service.name.slice(folder.length)}` } : service;
  });
  const used = new Set<string>();
  return first.map((service) => {
    const options = [service.name, service.path.replaceAll('/', '-'), `${service.name}-${service.language}`];
    let name = options.find((option) => !used.has(option) && option !== '.') ?? service.name;
    for (let n = 2; used.has(name); n++) name = `${service.name}-${n}`;
    used.add(name);
    return { ...service, name };
  });
}

function choose(
  ranked: readonly Ranked[],
  service: string | null,
  asked: string | null,
  notes: string[],
): Service | null {
  if (service !== null) {
    const match =
      ranked.find((one) => one.service.name === service) ?? ranked.find((one) => one.service.path === asked);
    if (match === undefined) {
      const wanted = ranked.map((one) => one.service.name).join(', ') || 'none';
      throw fail('SERVICE_UNKNOWN', { met: service, wanted });
    }
    return match.service;
  }
  const [best, next] = ranked;
  if (best === undefined) return null;
  if (next !== undefined) {
    const others = ranked.slice(1, 6).map((one) => `${one.service.name} (${scoreService(one.service).score})`);
    const more = ranked.length > 6 ? ` and ${ranked.length - 6} more` : '';
    notes.unshift(
      `chose ${best.service.name} with ${best.score} points: ${best.because}; after it ${others.join(', ')}${more}; --service NAME chooses otherwise`,
    );
  }
  return best.service;
}

function nothingFound(root: Place): string {
  const about = root.names.slice(0, 8).join(', ');
  const docker = root.names.find((name) => /^(?:Dockerfile|Containerfile)/.test(name));
  return [
    'nothing that runs was found: looked for manifests of Node, Deno, Bun, Python, Go, PHP, Ruby, Rust, Java, .NET, C and C++, Elixir, Gleam, Swift, Zig, Crystal, Dart, Haskell, Scala, Clojure, COBOL, pages, shell scripts, Procfile and compose files to three folders deep',
    `the root holds ${about === '' ? 'only folders' : about}`,
    ...(docker === undefined ? [] : [`${docker} describes an image, but what it starts is not in this repository`]),
  ].join('; ');
}
