/**
 * Makes the plan: what detection found, with everything the other files say weighed and merged into each service.
 *
 * Pure and total. Commands stay as detection chose them. Of two sources that speak of the same thing the heavier one
 * decides, and each merged thing leaves its claim in the evidence; versions that contradict each other leave a note.
 */
import type { Hint, Plan, Service } from '../detection/contract.js';
import type { Read } from './contract.js';
import { type Claim, settleVersion } from './versions.js';

export type Detected = Omit<Read, 'type'>;
type About<A extends Hint['about']> = Extract<Hint, { about: A }>;
type EnvVar = Service['env'][number];
type Merged = Pick<Service, 'versions' | 'ports' | 'env' | 'needs' | 'proof' | 'evidence'> & { notes: string[] };

/** What detection itself says weighs like a good file. */
const detectedWeight = 0.8;
/** Below it a server may be needed, which is evidence, not a need: a development or optional dependency, a choice. */
const needWeight = 0.3;
/** At and above it a source was written to run the application, not to tell about it. */
const strongWeight = 0.5;

export function plan(detected: Detected): Plan {
  const notes = [...detected.notes];
  const services = detected.services.map((service) => {
    const { notes: more, ...merged } = mergeService(service, detected);
    notes.push(...more);
    return { ...service, ...merged, ...readyOf(service, detected), confidence: confidenceOf(service, detected) };
  });
  return { repository: detected.repository, services, chosen: [...detected.chosen], notes: [...new Set(notes)] };
}

/** The command of a compose file that says whether it is ready, where no other service of the file shares its folder. */
function readyOf({ path, process }: Service, { hints }: Detected): Pick<Service, 'ready'> {
  const here = hints.filter(
    (hint): hint is About<'member'> => hint.about === 'member' && !hint.alone && hint.path === path,
  );
  const own = here.filter(({ name }) => name === process);
  const said = own.length > 0 ? own : here;
  if (new Set(said.map(({ name }) => name)).size !== 1) return {};
  const [best] = said.sort((a, b) => b.weight - a.weight);
  return best?.ready === undefined ? {} : { ready: best.ready };
}

function mergeService(service: Service, detected: Detected): Merged {
  const { versions, notes, evidence: aboutVersions } = mergeVersions(service, detected);
  const needs = mergeNeeds(service, detected);
  const ports = mergePorts(service, detected, needs.needs);
  const env = mergeEnv(service, detected);
  const proof = mergeProof(service, detected);
  const evidence = new Map(
    [
      ...service.evidence,
      ...aboutVersions,
      ...ports.evidence,
      ...env.evidence,
      ...needs.evidence,
      ...proof.evidence,
    ].map((each) => [JSON.stringify([each.claim, each.file, each.line]), each]),
  );
  return {
    versions,
    ports: ports.ports,
    env: env.env,
    needs: needs.needs,
    proof: proof.proof,
    evidence: [...evidence.values()],
    notes,
  };
}

// Which hints speak of a service.

const isAbove = (folder: string, path: string): boolean =>
  folder !== path && (folder === '.' || path.startsWith(`${folder}/`));
const distance = (folder: string, path: string): number =>
  folder === path ? 0 : path.split('/').length - (folder === '.' ? 0 : folder.split('/').length);

/**
 * Hints of the service's own folder, and those of a folder above it where no service lives.
 * @returns `alone`: no other service hears the hints from above, so they can only be about this one.
 */
function hintsOf<A extends Hint['about']>(
  about: A,
  { path }: Service,
  { hints, services }: Detected,
): { own: About<A>[]; above: About<A>[]; alone: boolean } {
  const lived = new Set(services.map((service) => service.path));
  const said = hints.filter((hint): hint is About<A> => hint.about === about);
  const above = said.filter((hint) => isAbove(hint.path, path) && !lived.has(hint.path));
  return {
    own: said.filter((hint) => hint.path === path),
    above,
    alone: above.every((hint) => services.filter((service) => isAbove(hint.path, service.path)).length === 1),
  };
}

const heaviest = <T extends { weight: number; from: string }>(list: readonly T[]): T[] =>
  [...list].sort((a, b) => b.weight - a.weight || (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));

function cite(claim: string, from: string): Service['evidence'][number] {
  const hit = /^(.+):([1-9]\d{0,8})$/s.exec(from);
  return hit === null ? { claim, file: from, line: null } : { claim, file: hit[1]!, line: Number(hit[2]) };
}

// Versions.

const families: readonly (readonly string[])[] = [
  ['node', 'javascript', 'typescript'],
  ['java', 'kotlin', 'scala', 'clojure'],
  ['elixir', 'erlang'],
  ['haskell', 'ghc'],
];
const manifests = /(?:^|\/)(?:package\.json|pyproject\.toml|go\.mod|Gemfile|composer\.json|Cargo\.toml)(?::\d+)?$/;

function mergeVersions(
  service: Service,
  detected: Detected,
): Pick<Service, 'versions' | 'evidence'> & { notes: string[] } {
  const family = families.find((names) => names.includes(service.language)) ?? [service.language];
  const speaks = (hint: About<'version'>): boolean => {
    if (
      family.includes(hint.tool) ||
      hint.tool === service.packageManager ||
      Object.hasOwn(service.versions, hint.tool)
    )
      return true;
    // A second language's manifest beside the first one's: assets are built with it. Unless it is another service's.
    const isOther = detected.services.some(({ path, language }) => path === service.path && language === hint.tool);
    return hint.path === service.path && hint.tool === 'node' && manifests.test(hint.from) && !isOther;
  };
  const claims: Claim[] = [
    ...Object.entries(service.versions).map(([tool, { want, from }]) => ({
      tool,
      want,
      from,
      weight: detectedWeight,
      distance: 0,
    })),
    ...detected.hints
      .filter((hint): hint is About<'version'> => hint.about === 'version')
      .filter((hint) => (hint.path === service.path || isAbove(hint.path, service.path)) && speaks(hint))
      .map(({ tool, want, from, weight, path }) => ({
        tool,
        want,
        from,
        weight,
        distance: distance(path, service.path),
      })),
  ];
  const tools = new Map<string, Claim[]>();
  for (const claim of claims) {
    // A key of that name is lost by whoever reads the plan as JSON.
    if (claim.tool !== '__proto__') tools.set(claim.tool, [...(tools.get(claim.tool) ?? []), claim]);
  }
  const settled = [...tools.values()].map(settleVersion);
  return {
    versions: Object.fromEntries(settled.map(({ taken: { tool, want, from } }) => [tool, { want, from }])),
    evidence: settled.map(({ taken: { tool, want, from } }) => cite(`${tool} ${want}`, from)),
    notes: settled.flatMap(({ notes }) => notes),
  };
}

// Ports.

const listens = new Set<Service['kind']>(['web-service', 'static-site', 'notebook', 'compose', 'unknown']);
const serverPorts: Record<string, readonly number[]> = {
  postgres: [5432],
  mysql: [3306],
  mariadb: [3306],
  redis: [6379],
  valkey: [6379],
  mongodb: [27017],
  rabbitmq: [5672, 15672],
  nats: [4222],
  elasticsearch: [9200],
  opensearch: [9200],
  memcached: [11211],
  minio: [9000, 9001],
  mailhog: [1025, 8025],
  mailpit: [1025, 8025],
};

function mergePorts(
  service: Service,
  detected: Detected,
  needs: readonly string[],
): Pick<Service, 'ports' | 'evidence'> {
  const { own, above, alone } = hintsOf('port', service, detected);
  const ofServers = new Set(needs.flatMap((need) => (Object.hasOwn(serverPorts, need) ? serverPorts[need]! : [])));
  const said = !listens.has(service.kind)
    ? []
    : // A forwarded port of a database is the database's.
      [...own, ...(alone ? above : [])].filter(
        ({ number, weight }) => weight >= strongWeight || !ofServers.has(number),
      );
  const best = new Map<number, { number: number; from: string; weight: number }>();
  const detectedPorts = service.ports.map((port) => ({ ...port, weight: detectedWeight }));
  for (const { number, from, weight } of heaviest([...detectedPorts, ...said]))
    if (!best.has(number)) best.set(number, { number, from, weight });
  const ports = [...best.values()].map(({ number, from }) => ({ number, from }));
  return { ports, evidence: ports.map(({ number, from }) => cite(`port ${number}`, from)) };
}

// Environment.

/** Set by the system, a shell, a host or by us: an application may ask for them, nobody has to be asked for them. */
const wellKnown =
  /^(?:PORT|HOST|HOSTNAME|BIND|ADDRESS|NODE_ENV|NODE_OPTIONS|APP_ENV|RAILS_ENV|RACK_ENV|FLASK_ENV|FLASK_DEBUG|ENV|ENVIRONMENT|DEBUG|LOG_LEVEL|RUST_LOG|HOME|PATH|PWD|USER|USERNAME|SHELL|TERM|LANG|LC_\w+|TMPDIR|TMP|TEMP|TZ|CI|APPDATA|LOCALAPPDATA|USERPROFILE|XDG_\w+|EDITOR|NO_COLOR|FORCE_COLOR|COLORTERM|DISPLAY|npm_\w+|VERCEL(?:_\w+)?|RAILWAY_\w+|RENDER(?:_\w+)?|FLY_\w+|DYNO|GITHUB_\w+|NETLIFY|K_SERVICE|NEXT_RUNTIME|JAVA_HOME|GOPATH|PYTHONPATH|VIRTUAL_ENV|HTTPS?_PROXY|NO_PROXY)$/;

function mergeEnv(service: Service, detected: Detected): Pick<Service, 'env' | 'evidence'> {
  const { own, above, alone } = hintsOf('env', service, detected);
  const names = new Set([...service.env, ...own].map(({ name }) => name));
  const isChosen = detected.chosen.includes(service.name);
  const said: (EnvVar & { weight: number })[] = heaviest([
    ...service.env.map((variable) => ({ ...variable, weight: detectedWeight })),
    ...own,
    // One file above several services: it speaks of what a service asks for, and to those that will run.
    ...above.filter(({ name }) => alone || isChosen || names.has(name)),
  ]);
  const merged = new Map<string, EnvVar>();
  for (const { name, required, secret, default: value, from } of said) {
    const known = merged.get(name);
    if (known === undefined)
      merged.set(name, { name, required: required && !wellKnown.test(name), secret, default: value, from });
    // The heaviest decides; a value that only a lighter one has is still worth knowing, and a secret stays one.
    else merged.set(name, { ...known, secret: known.secret || secret, default: known.default ?? value });
  }
  const env = [...merged.values()];
  return {
    env,
    evidence: env.map(({ name, required, from }) => cite(`${required ? 'requires' : 'reads'} ${name}`, from)),
  };
}

// Needs.

function mergeNeeds(service: Service, detected: Detected): Pick<Service, 'needs' | 'evidence'> {
  const { own, above, alone } = hintsOf('need', service, detected);
  const ownNames = new Set(own.map((hint) => hint.service));
  const elsewhere = new Set(
    detected.hints.flatMap((hint) =>
      hint.about === 'need' && detected.services.some(({ path }) => path === hint.path) ? [hint.service] : [],
    ),
  );
  // A server that stands above several services: those that bring its client need it, or, if none does, those that run.
  const shared = above.filter(
    (hint) =>
      alone || ownNames.has(hint.service) || (!elsewhere.has(hint.service) && detected.chosen.includes(service.name)),
  );
  const best = new Map<string, About<'need'>>();
  for (const hint of heaviest([...own, ...shared])) if (!best.has(hint.service)) best.set(hint.service, hint);
  const sure = [...best.values()].filter(({ weight }) => weight >= needWeight).map((hint) => hint.service);
  return {
    needs: [...new Set([...service.needs, ...sure])],
    evidence: [...best.values()].map((hint) =>
      cite(`${hint.weight >= strongWeight ? 'needs' : 'may need'} ${hint.service}`, hint.from),
    ),
  };
}

// Proof.

/** More are not worth the time of asking. */
const pathsToTry = 12;

function mergeProof(service: Service, detected: Detected): Pick<Service, 'proof' | 'evidence'> {
  if (service.proof.how !== 'http') return { proof: service.proof, evidence: [] };
  const { own, above, alone } = hintsOf('health', service, detected);
  const said = heaviest([...own, ...(alone ? above : [])]).map(({ route, from, weight }) => ({
    path: route,
    from,
    weight,
  }));
  const strong = said.filter(({ weight }) => weight >= strongWeight);
  const weak = said.filter(({ weight }) => weight < strongWeight);
  const best = new Map<string, { path: string; from: string }>();
  for (const { path, from } of [...strong, ...service.proof.paths, ...weak])
    if (!best.has(path)) best.set(path, { path, from });
  const root = best.get('/') ?? { path: '/', from: 'default' };
  best.delete('/');
  const first = strong[0]?.path === '/' || (strong.length === 0 && service.proof.paths[0]?.path === '/');
  const rest = [...best.values()].slice(0, pathsToTry - 1);
  return {
    proof: { ...service.proof, paths: first ? [root, ...rest] : [...rest, root] },
    evidence: rest.map(({ path, from }) => cite(`answers on ${path}`, from)),
  };
}

/** A little surer for each way in which a file made for running agrees that this runs: start, port, health. */
function confidenceOf(service: Service, { hints }: Detected): number {
  const ways = new Set(
    hints
      .filter(({ path, weight }) => path === service.path && weight >= strongWeight)
      .flatMap((hint) =>
        hint.about === 'port' || hint.about === 'health' || (hint.about === 'command' && hint.role === 'start')
          ? [hint.about]
          : [],
      ),
  );
  return Math.max(service.confidence, Math.min(0.99, service.confidence + 0.03 * ways.size));
}
