/**
 * `run-all`: every service of a repository, one after another, each proven; the address of one is handed to those that ask
 * for it. Each is mended for itself, with an overlay and a budget of its own, while those before it stay up. What cannot
 * run is named while the rest is held up.
 */
import { posix } from 'node:path';
import type { Plan, Service } from '../agents/detection/contract.js';
import type { Overlay, Propose } from '../agents/fixer/contract.js';
import { canBePlaced } from '../providers/sandbox/places.js';
import { type ErrorRecord, fail } from '../runtime/errors.js';
import { at, type Proven, type Scope, type Step, type Workflow } from '../runtime/workflow.js';
import { handOver, type Part, type Peer, partsOf, placedCommand } from './parts.js';
import { repoRun } from './repo-run.js';
import { evidence, leave, scope as scopeOfOne } from './repo-run-scope.js';
import { describe } from './repo-run-words.js';

const step = (id: string, change: Partial<Step> = {}): Step => ({
  ...repoRun.steps.find((one) => one.id === id)!,
  ...change,
});
const within = (path: string, one: string): string => posix.join(path, one);

const [startStep, proveStep] = ['start', 'prove'].map((name) => repoRun.steps.find(({ id }) => id === name)!) as [
  Step,
  Step,
];

export const runService: Workflow = {
  name: 'run-service',
  version: 3,
  about: 'set the service that is its input up, start it and prove it, mended for itself; a part of run-all',
  mends: true,
  steps: [
    // All parts work where the run does; one whose fix writes files has them laid into a copy.
    step('workspace', {
      needs: [],
      when: '$fixed',
      with: {
        root: '$input.fetched.root',
        kind: '$input.fetched.kind',
        writes: '$input.writes',
        forceCopy: '$copy',
        files: '$files',
        part: '$service.name',
      },
    }),
    step('toolchain', { needs: [] }),
    step('config', {
      with: { service: '$service.name', root: '$root', path: '$service.path', env: '$service.env', given: '$given' },
    }),
    step('ports', { needs: [] }),
    step('services'),
    step('deps'),
    step('migrate'),
    step('build'),
    step('port', { needs: [] }),
    step('start', {
      with: {
        ...startStep.with,
        mounts: '$mounts',
        repository: '$job.source',
        fresh: '$job.fresh',
        container: '$service.container',
        root: '$root',
      },
    }),
    // What an image listens with need not be HTTP.
    step('prove', { with: { ...proveStep.with, rawTcp: '$contained' } }),
  ],
  output: {
    name: '$service.name',
    done: '$done',
    kind: '$service.kind',
    member: '$input.part.member',
    declared: '$wantedPorts',
    app: '$start.app',
    pid: '$start.pid',
    sockets: '$start.sockets',
    url: '$prove.proof.url',
    proof: '$prove.proof',
    mended: '$mended',
  },
  scope: ({ run, bundle, job, input, results, overlay, fixes = [] }): Scope => {
    const part = input.part as Part;
    const { service } = part;
    const plan: Plan = { repository: '', services: [service], chosen: [service.name], notes: [] };
    const workspace = results.workspace ?? { root: input.root };
    const whole = { ...results, needs: { plan }, workspace };
    const one = scopeOfOne({ run, bundle, job, input, results: whole, overlay, fixes });
    // One that is not up has no address.
    const up = (input.peers as (Peer | { error: ErrorRecord })[]).filter((one): one is Peer => !('error' in one));
    const peers = handOver(part, up);
    // What a fix says holds: it is asked because of what came of the rest.
    const given = { ...peers, ...(overlay as Overlay).env };
    // What one before has done where it is done here is there already, and somebody may be running on it; unless it is gone.
    const before = new Set(up.flatMap(({ done = [] }) => done));
    const place = (command: string): string => placedCommand(String(workspace.root), service.path, command);
    const again = fixes.flatMap(({ actions, helped }) => (helped === false ? [] : actions)).map(({ step: id }) => id);
    const isNew = (step: string, command: string): boolean => again.includes(step) || !before.has(place(command));
    const install = (one.install as string[]).filter((command) => isNew('deps', command));
    const prepare = [...(one.buildCommands as string[]), ...(part.release ?? [])];
    const buildCommands = prepare.filter((command) => isNew('build', command));
    const root = String(workspace.root);
    const mounts = part.mounts?.map((one) => ({ ...one, from: one.from === null ? null : `${root}/${one.from}` }));
    const done = [...(one.install as string[]), ...prepare].map(place);
    const variables = { ...peers, ...(one.variables as Record<string, string>) };
    return {
      ...one,
      input,
      root,
      fixed: fixes.length > 0,
      given,
      variables,
      install,
      buildCommands,
      done,
      mounts,
      contained: service.container !== undefined,
    };
  },
  describe,
  evidence,
  leave,
};

type Item = (Peer & Omit<Proven, 'sockets'> & { mended?: Propose['mended'] }) | { error: ErrorRecord };
const brought = (scope: Scope): { part: Part; item: Item }[] => {
  const items = (at(scope, 'services.items') ?? []) as Item[];
  const parts = scope.parts as Part[];
  return items.map((item, n) => ({ part: parts[n]!, item }));
};

export const runAll: Workflow = {
  name: 'run-all',
  version: 3,
  about: 'bring every service of a repository up, each proven, with the addresses of the others',
  agents: ['fixer', 'monitor'],
  steps: [
    step('fetch'),
    step('stack'),
    step('needs'),
    step('workspace'),
    {
      id: 'services',
      phase: 'run',
      workflow: 'run-service',
      with: {
        part: '$item',
        root: '$workspace.root',
        fetched: '$fetch',
        writes: '$writes',
        peers: '$earlier',
      },
      needs: ['workspace'],
      forEach: '$parts',
      // In the order in which they need each other; and they may share a lock file and a package store.
      concurrency: 1,
      keepGoing: 'any',
    },
    // Of all of them at once: what was mended of two may be in one file.
    step('propose', { needs: ['services'] }),
  ],
  output: { order: '$order' },
  scope: ({ run, bundle, job, input, results }): Scope => {
    const plan = results.needs?.plan as Plan | undefined;
    const parts = plan && partsOf(plan, (results.stack?.hints ?? []) as never, (input.profiles ?? []) as string[]);
    const items = (results.services?.items ?? []) as Item[];
    const mended = items.flatMap((item) => ('error' in item ? [] : (item.mended ?? [])));
    const all = parts?.flatMap(({ service: { path, writes: own } }) => own.map((one) => within(path, one)));
    const writes = all && [...new Set(all)];
    return {
      ...{ run, bundle, job, input, plan, parts, writes, mended },
      order: parts?.map(({ service }) => service.name),
      copy: Boolean(job.copy),
      files: [],
      ...results,
    };
  },
  judge(id, scope) {
    if (id !== 'needs') return null;
    const parts = scope.parts as Part[];
    const circle = partsInCircle(parts);
    if (circle) return fail('COMPOSE_INVALID', circle).toRecord();
    if (parts.length > 0) return null;
    const reason = 'nothing in it is a service that could be started';
    return fail('NOT_RUNNABLE', { reason, fix: 'rr plan shows what was looked at' }).toRecord();
  },
  services: (scope) =>
    brought(scope).map(({ part: { service, restart }, item }): Proven => {
      if ('error' in item)
        return { ...{ name: service.name, kind: service.kind, app: null, pid: null }, ...nothing, error: item.error };
      const { name, kind, app, pid, sockets, url, proof } = item;
      const again = restart === undefined ? {} : { restart };
      return { ...{ name, kind, pid, sockets, url, proof, ...again }, app: isOver(service, sockets) ? null : app };
    }),
  describe(id, scope) {
    if (id === 'workspace') return [describe(id, scope), unlaid(scope)].filter(Boolean).join('; ');
    if (id !== 'services') return id === 'needs' || id === 'stack' ? ofAll(scope) : describe(id, scope);
    return brought(scope)
      .map(({ part: { service }, item }) => `${service.name} ${'error' in item ? 'is not up' : (item.url ?? 'is up')}`)
      .join(', ');
  },
};
/** A job that has ended, not one that was found to serve. */
const isOver = ({ proof }: Service, sockets: readonly unknown[]): boolean =>
  proof.how === 'exit' && sockets.length === 0;
const nothing = { sockets: [], url: null, proof: null };
/** Volumes of a compose file are laid in a sandbox alone. */
function unlaid(scope: Scope): string {
  const isKept = String(at(scope, 'workspace.sandbox') ?? '').startsWith('in a sandbox');
  const lacking = (scope.parts as Part[]).flatMap(({ service: { name, container }, mounts = [] }) =>
    mounts.flatMap((one) =>
      container !== undefined || (isKept && canBePlaced(one.at)) ? [] : [`${one.at} of ${name}`],
    ),
  );
  return lacking.length > 0 ? `cannot lay ${lacking.join(', ')}` : '';
}
const ofAll = ({ parts, stack }: Scope): string => {
  const services = (parts as Part[] | undefined)?.map(({ service }) => service) ?? at(stack, 'services');
  return (services as Service[]).map(({ name, framework, language }) => `${name}: ${framework ?? language}`).join(', ');
};
/** Members that wait for each other without end; the order of the others does not matter then. */
function partsInCircle(parts: readonly Part[]): { reason: string; from: string } | null {
  const byName = new Map(parts.flatMap((part) => (part.member === null ? [] : [[part.member, part] as const])));
  const follow = (name: string, path: string[]): string[] | null => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    for (const next of byName.get(name)?.after ?? []) {
      const circle = byName.has(next) ? follow(next, [...path, name]) : null;
      if (circle) return circle;
    }
    return null;
  };
  for (const [name, { from }] of byName) {
    const circle = follow(name, []);
    if (circle) return { reason: `${circle.join(' → ')}: each is to be up before the next`, from: from ?? name };
  }
  return null;
}
