/**
 * Database agent: brings up private databases and other servers that a repository asks for, and points its variables at them.
 *
 * Hears `database.start` and says `database.started` with what runs where, what is a person's own and what is not to be
 * had here, or `database.failed` for a server that is here and does not start. Asked to watch it says which of them has
 * ended, and begins that one again when it is told to. Servers run under the run's keeper and end
 * with it; their data is kept in the state folder for the repository's next run. Passwords go to files of the run only.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setup } from 'xstate';
import { makeSecret, readGiven, readSeed, seedOf } from '../../providers/secrets.js';
import { serviceKinds } from '../../providers/services/index.js';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { urlOf } from './address.js';
import { bringUp, NotStarted, type Up } from './bring-up.js';
import {
  Command,
  type Command as Commands,
  Ends,
  Fact,
  kindOfNeed,
  type Lacking,
  type Migrate,
  type Revive,
  type Start,
  type Started,
  type Watch,
} from './contract.js';
import { type ServiceEntry, writeEntries, writePrivate } from './entries.js';
import { lookAt } from './look.js';
import { migrate } from './migrate.js';
import { revive, watch } from './revive.js';
import { fixedFor, theirs, variableOf, variablesFor, wishOf } from './wants.js';

type Told = { type: 'told'; fact: Fact };
const told = (fact: Fact): Message => ({ type: 'told', fact }) as Told;

const failed = (error: ErrorRecord): Fact => ({ type: 'database.failed', error, evidence: null });
const machine = setup({
  types: {
    context: {} as Record<never, never>,
    events: {} as Commands | Told | EffectFailed<'start' | 'migrate' | 'watch' | 'revive'>,
  },
  actions: {
    start: effect<Start>(),
    migrate: effect<Migrate>(),
    watch: effect<Watch>(),
    revive: effect<Revive>(),
    emit: effect<Fact>(),
  },
}).createMachine({
  id: 'database',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'database.start': { actions: { type: 'start', params: ({ event }) => event } },
        'database.migrate': { actions: { type: 'migrate', params: ({ event }) => event } },
        'database.watch': { actions: { type: 'watch', params: ({ event }) => event } },
        'database.revive': { actions: { type: 'revive', params: ({ event }) => event } },
        told: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        startFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        migrateFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        watchFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        reviveFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
      },
    },
  },
});

const start: Perform<Start> = async (wanted, context): Promise<Message> => {
  const { bundle } = context;
  const kinds = wanted.wants.map(({ kind }) => kind);
  const known = lookAt(wanted, await readGiven(bundle));
  const seed = await readSeed(seedOf(bundle));
  const fact: Started = {
    type: 'database.started',
    services: [],
    theirs: [],
    lacking: [],
    hosts: {},
    fixed: [],
    envFile: '',
    set: [],
  };
  const values: Record<string, string> = {};
  const entries: ServiceEntry[] = [];
  const begin = async ({ kind: name, port }: Start['wants'][number], n: number): Promise<void> => {
    const by = theirs(name, kinds, known);
    const kind = serviceKinds[name];
    if (by !== null) return void fact.theirs.push({ kind: name, by });
    if (kind === undefined) return;
    const extra = wanted.extra.flatMap(({ service, database }) =>
      kindOfNeed[service] === name && database ? [database] : [],
    );
    const password = makeSecret(seed, `${name.toUpperCase()}_PASSWORD`);
    const wish = wishOf(kind, kinds, known, wanted.service, password, extra);
    const names = Object.entries(known.names).filter(([, one]) => one === name);
    const asked = Object.keys(wanted.hosts).length > 0;
    const { repository, fresh } = wanted;
    const composed = known.servers.find((server) => server.kind === name);
    const { image = null, version = null } = composed ?? {};
    const named = names.length > 0 || asked;
    const up = await bringUp({ kind, n, port, repository, fresh, wish, image, version, named, at: null }, context);
    if (isLacking(up)) {
      const fix = `${up.fix}, or give one of your own: --env ${variableOf(name, kinds, known)}=${kind.schemes[0]}://…`;
      return void fact.lacking.push({ ...up, fix });
    }
    const { kind: begun, running, found, lodging, serve } = up;
    const isOther = version && majorOf(version) !== majorOf(found.version) && name === 'postgres';
    fact.services.push(
      isOther ? { ...running, note: [running.note, `asked for ${version}`].filter(Boolean).join(', ') } : running,
    );
    Object.assign(values, variablesFor(kind, kinds, known, wish, running));
    for (const [host] of names) fact.hosts[host] = running.host;
    fact.fixed.push(...fixedFor(running, known));
    const main = wish.logins[0]!;
    entries.push({
      kind: name,
      url: urlOf(kind.schemes[0]!, running.host, running.port, main),
      shell: begun.shell?.(found, lodging, main) ?? null,
      dump: begun.dump?.(found, lodging, main) ?? null,
      load: begun.load?.(found, lodging, main) ?? null,
      init: known.servers.filter((server) => server.kind === name).flatMap((server) => server.init),
      data: lodging.data,
      wish,
      ...(found.image === undefined ? {} : { image: found.image }),
      serve: { ...serve, cwd: lodging.folder, host: running.host, port: running.port },
    });
  };
  // All to their end, also when one fails: what was begun is known to the keeper and found again.
  const ended = await Promise.allSettled(wanted.wants.map(begin));
  const failed = ended.find((one) => one.status === 'rejected')?.reason as Error | undefined;
  if (failed instanceof NotStarted)
    return told({ type: 'database.failed', error: failed.record, evidence: failed.evidence });
  if (failed) throw failed;
  // A fix names only the host; where it leads is where the first of the services is.
  const first = fact.services[0]?.host;
  if (first !== undefined) for (const host of Object.keys(wanted.hosts)) fact.hosts[host] ??= first;
  const configured = JSON.parse(readFileSync(wanted.envFile, 'utf8')) as Record<string, string>;
  fact.envFile = join(dirname(wanted.envFile), `env.services.${encodeURIComponent(wanted.service)}.json`);
  fact.set = Object.keys(values);
  writePrivate(fact.envFile, { ...configured, ...values });
  writeEntries(bundle, entries);
  return told(fact);
};

const majorOf = (version: string): string => version.split('.')[0]!;
const isLacking = (one: Up | Lacking): one is Lacking => 'reason' in one;
export const database = defineActor({
  kind: 'database',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { start, migrate, watch, revive },
});
