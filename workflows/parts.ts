/** The services of a repository that run together: which, in what order, and what one is told of the others. Pure. */
import { posix } from 'node:path';
import type { Hint, Plan, Service } from '../agents/detection/contract.js';

type Member = Extract<Hint, { about: 'member' }>;
export interface Part {
  service: Service;
  /** Its name in the compose file; null: none names it. */
  member: string | null;
  /** Members that are to be up before it. */
  after: string[];
  links: Member['links'];
  /** Members whose address is among its variables: better up before it, but two may well know each other. */
  knows: string[];
  /** Places of its image. */
  mounts?: Member['mounts'];
  /** Commands before the first of those that share a folder is started. */
  release?: string[];
  /** Whether it is started again when it ends by itself; absent: nothing is said. */
  restart?: Member['restart'];
  /** Where that is said. */
  from: string | null;
}
/** What a service that is up tells those after it. */
export interface Peer {
  name: string;
  member: string | null;
  /** The ports it was expected on. */
  declared: number[];
  sockets: { host: string; port: number }[];
  /** What it has installed and built, as `placedCommand` has it. */
  done?: string[];
}

/** Kinds that stay up. */
const STAYS: readonly string[] = ['web-service', 'static-site', 'worker'];
const ASIDE =
  /(?:^|\/)(?:examples?|samples?|demos?|tests?|e2e|fixtures?|templates?|docs?|storybook|playground)(?:\/|$)/i;
/** A root whose start only starts what is in its folders. */
const STARTS_OTHERS = /\b(?:turbo|nx|lerna|concurrently|npm-run-all|run-p|wireit)\b|--workspaces?\b|-r\b|--recursive\b/;
const PAGES = /^(?:next|nuxt|remix|react-router|sveltekit|tanstack-start|solid-start|astro)$/;

/**
 * @param profiles of a compose file, that are asked for; `*`: all.
 * @returns them in the order in which they are to be started.
 */
export function partsOf({ services }: Plan, hints: readonly Hint[], profiles: readonly string[] = []): Part[] {
  const isAsked = ({ profiles: own }: Member): boolean =>
    own === undefined || profiles.includes('*') || own.some((one) => profiles.includes(one));
  const every = hints.filter((hint): hint is Member => hint.about === 'member');
  const members = every.filter(isAsked);
  const starts = services.filter(({ commands: { start } }) => start !== null);
  const canRun = starts.filter(({ kind }) => STAYS.includes(kind));
  const [foreign, own] = [members.filter(({ alone }) => alone), members.filter(({ alone }) => !alone)];
  const parts = own.length > 0 ? named(starts, own) : [];
  const native = parts.filter(({ service }) => service.container === undefined);
  const contained = [...parts.filter((part) => !native.includes(part)), ...named([], foreign)];
  const ofRepository = every.filter(({ alone }) => !alone);
  const isProject = native.length > 1 || ofRepository.length > own.length || contained.length > 0;
  if (native.length > 0 && isProject) return sorted([...native, ...contained]);
  const processes = hints.filter((hint): hint is Process => hint.about === 'command' && IN_PROCFILE.test(hint.from));
  // A Procfile at the root says what runs; what lies in folders is of those processes.
  const isSaid = processes.some(({ from, path }) => path === '.' && !from.startsWith('Procfile.dev'));
  const ofRoot = isSaid ? canRun.filter(({ path }) => path === '.') : [];
  return released(sorted([...unnamed(ofRoot.length > 0 ? ofRoot : canRun), ...contained]), processes);
}
type Process = Extract<Hint, { about: 'command' }>;
const IN_PROCFILE = /(?:^|\/)Procfile(?:\.dev)?(?::\d+)?$/;

/** What a release does is done once, before the first process of its folder. */
function released(parts: readonly Part[], processes: readonly Process[]): Part[] {
  const seen = new Set<string>();
  return parts.map((part) => {
    const { path } = part.service;
    const own = processes.filter((one) => one.role === 'release' && one.path === path);
    const [best] = own.sort((a, b) => b.weight - a.weight);
    if (seen.has(path) || !best) return part;
    seen.add(path);
    return { ...part, release: [best.command] };
  });
}

/** Those that a compose file has; of several files that name one, the weightier. */
function named(services: readonly Service[], members: readonly Member[]): Part[] {
  const best = new Map<string, Member>();
  for (const member of members) {
    const known = best.get(member.name);
    if (!known || known.weight < member.weight) best.set(member.name, member);
  }
  const taken = new Set<Service>();
  const isOthers = (one: Service, name: string): boolean =>
    one.process !== undefined && one.process !== name && best.has(one.process);
  return [...best.values()].flatMap((member): Part[] => {
    const { name, after, links, worker, path, from, restart, once, mounts, ready, alone, env = [] } = member;
    const all = services.filter((one) => one.path === path && (once || STAYS.includes(one.kind)));
    const here = all.filter((one) => !taken.has(one) && !isOthers(one, name));
    const own = here.find(({ process }) => process === name) ?? here.find(({ kind }) => (kind === 'worker') === worker);
    // The same image once more, with variables of its own.
    const beside = own ?? here[0] ?? again(all.find(({ kind }) => kind !== 'worker') ?? all[0], name);
    const found = alone ? containedBy(member) : (beside ?? containedBy(member));
    if (!found) return [];
    taken.add(found);
    const set = env.map((variable) => ({ ...variable, required: false, from: from }));
    const rest = found.env.filter((one) => !set.some((variable) => variable.name === one.name));
    const { ready: _, ...plain } = found;
    const waits = ready === undefined || once ? {} : { ready };
    const service = { ...plain, env: [...rest, ...set], ...waits, ...(once ? ONCE : {}) };
    return [{ service, member: name, after, links, knows: links.map(({ to }) => to), restart, mounts, from }];
  });
}
/** A service that a container engine runs; none where the repository's compose file asks for what is not given. */
function containedBy({ name, path, from, container }: Member): Service | undefined {
  if (container === undefined) return undefined;
  const answers = container.ports.length > 0;
  return {
    name,
    path,
    kind: answers ? 'web-service' : 'worker',
    language: 'container',
    framework: null,
    packageManager: null,
    versions: {},
    commands: { install: [], build: [], start: container.image ?? `the image of ${container.build?.file}` },
    ports: container.ports.map((number) => ({ number, from })),
    env: [],
    needs: container.needs,
    proof: { how: answers ? 'http' : 'log', command: null, paths: [] },
    container,
    writes: [],
    confidence: 0.5,
    evidence: [],
  };
}
const again = (service: Service | undefined, name: string): Service | undefined =>
  service && { ...service, name: `${service.name}-${name}` };
/** It is to end well before those that wait for it. */
const ONCE = { kind: 'job', ports: [], proof: { how: 'exit', command: null, paths: [] } } satisfies Partial<Service>;
function unnamed(services: readonly Service[]): Part[] {
  const below = services.filter(({ path }) => path !== '.' && !ASIDE.test(path));
  const roots = services.filter(({ path }) => path === '.');
  const only = roots.filter(({ commands: { start } }) => below.length < 2 || !STARTS_OTHERS.test(start!));
  const all = [...only, ...below];
  const chosen = all.length > 0 ? all : services;
  const asPeer = ({ name, ports }: Service): Peer => {
    return { name, member: name, declared: ports.map(({ number }) => number), sockets: [] };
  };
  return chosen.map((service) => {
    const urls = service.env.flatMap(({ default: value }) => urlOf(value) ?? []);
    const known = chosen.filter((other) => other !== service && urls.some((url) => isMeant(asPeer(other), url)));
    const knows = known.map(({ name }) => name);
    return { service, member: service.name, after: [], links: [], knows, from: null };
  });
}

/** What answers others before what shows pages; each behind those it needs, also where they wait for each other. */
function sorted(parts: readonly Part[]): Part[] {
  const rank = ({ service: { kind, framework } }: Part): number =>
    kind === 'static-site' || (framework !== null && PAGES.test(framework)) ? 2 : kind === 'worker' ? 1 : 0;
  const left = [...parts].sort((a, b) => rank(a) - rank(b));
  const done: Part[] = [];
  while (left.length > 0) {
    const isReady = ({ member, after, knows }: Part): boolean =>
      [...after, ...knows].every(
        (name) =>
          name === member || done.some((one) => one.member === name) || !left.some((one) => one.member === name),
      );
    // `depends_on` weighs more than a variable that names somebody: two may well know each other's address.
    const byOrder = ({ after }: Part): boolean => after.every((name) => !left.some((one) => one.member === name));
    const next = left.find(isReady) ?? left.find(byOrder) ?? left[0]!;
    left.splice(left.indexOf(next), 1);
    done.push(next);
  }
  return done;
}

/** A command and the folder it is for, whoever names it: `cd ../.. && npm ci` in two folders of a workspace is one. */
export function placedCommand(root: string, path: string, command: string): string {
  const [, into = '.', rest = command] = /^cd (\S+) && ([\s\S]*)$/.exec(command) ?? [];
  return `${posix.join(root, path, into)} ${rest}`;
}

const LOCAL = /^(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])$/;

/** Variables of a service that name another one, with the address it really has. */
export function handOver({ service, links }: Part, peers: readonly Peer[]): Record<string, string> {
  const given: Record<string, string> = {};
  const addressOf = ({ sockets }: Peer): string | null => (sockets[0] ? `127.0.0.1:${sockets[0].port}` : null);
  for (const { env, value, to } of links) {
    const peer = peers.find(({ member, name }) => member === to || name === to);
    const address = peer && addressOf(peer);
    if (!address) continue;
    given[env] = value === to ? '127.0.0.1' : replaceHost(value, to, address);
    // Its port may stand in a variable of its own: API_HOST and API_PORT.
    const port = env.replace(/HOST(?:NAME)?$/, 'PORT');
    if (value === to && port !== env && service.env.some(({ name }) => name === port))
      given[port] = address.split(':')[1]!;
  }
  for (const { name, default: value } of service.env) {
    const url = name in given ? null : urlOf(value);
    const peer = url && peers.find((one) => isMeant(one, url));
    const port = peer?.sockets[0]?.port;
    if (!url || port === undefined || value === null) continue;
    const host = LOCAL.test(url.hostname) ? url.hostname : '127.0.0.1';
    if (url.host !== `${host}:${port}`) given[name] = value.replace(url.host, `${host}:${port}`);
  }
  return given;
}
const urlOf = (value: string | null): URL | null =>
  value !== null && /^[a-z][a-z+.-]*:\/\//i.test(value) && URL.canParse(value) ? new URL(value) : null;
const isMeant = ({ name, member, declared }: Peer, { hostname, port }: URL): boolean =>
  LOCAL.test(hostname) ? declared.includes(Number(port)) : hostname === name || hostname === member;
const replaceHost = (value: string, host: string, address: string): string => {
  const name = host.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return value.replace(new RegExp(`(^|//|@|,)${name}(?::\\d+)?(?=[/,?#]|$)`, 'g'), `$1${address}`);
};
