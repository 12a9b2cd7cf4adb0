/** What a person holds in the REPL: actors and runs as objects whose methods ask the front door. */
import { inspect } from 'node:util';
import type { Response, Verb } from '../../actors/front-door/contract.js';
import { fail } from '../../runtime/errors.js';
import type { Client, Told } from '../cli/connect.js';

type Actor = Response<'admin.tree'>['actors'][number];
/** A value that prints as a text, and is still itself for scripts. */
const shown = <T extends object>(value: T, text: (colours: boolean) => string): T =>
  Object.defineProperty(value, inspect.custom, {
    value: (_: number, { colors }: { colors?: boolean }) => text(colors === true),
    enumerable: false,
  });
const dim = (text: string, colours: boolean): string => (colours ? `\x1b[2m${text}\x1b[0m` : text);
const table = (rows: string[][]): string => {
  const widths = rows[0]!.map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

export interface Watcher {
  /** Shows the facts whose `from type` fits a pattern with `*`; more than one may be set. */
  watch(pattern: string): void;
  unwatch(pattern?: string): void;
  hears(fact: Told): boolean;
}
export function openWatcher(): Watcher {
  const patterns = new Map<string, RegExp>();
  return {
    watch(pattern) {
      const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
      patterns.set(pattern, new RegExp(`(^| )${escaped}($| )`));
    },
    unwatch(pattern) {
      if (pattern === undefined) patterns.clear();
      else patterns.delete(pattern);
    },
    hears: ({ from, type }) => [...patterns.values()].some((one) => one.test(`${from} ${type}`)),
  };
}

/**
 * The names a session begins with. Each asks when it is called, and throws the answer's error.
 * @param watcher decides which facts are shown.
 */
export function liveNames(client: Client, watcher: Watcher) {
  const ask = <V extends Verb>(verb: V, request: Parameters<typeof client.call<V>>[1]) => client.call(verb, request);

  const actor = (address: string) => {
    if (typeof address !== 'string' || !/^[a-z0-9-]+\/[a-z0-9-]+\/[a-z0-9-]+$/.test(address))
      throw fail('USAGE', { met: `${String(address)} is no address`, fix: "write actor('<run>/<kind>/<id>')" });
    return shown(
      {
        address,
        /** Its last committed state: value, context, status. */
        state: async () => (await ask('admin.actor', { address })).state,
        /** All that is known of it: version, turn, what it owes, open commands. */
        whole: () => ask('admin.actor', { address }),
        /** Sends a command and gives the fact that ends it. */
        send: async (command: { type: string }, { withinMs = 30_000 } = {}) =>
          (await ask('admin.send', { address, command, withinMs })).fact,
        restart: () => ask('admin.restart', { address }),
        stop: () => ask('admin.stop', { address }),
      },
      () => `actor ${address}  (.state() .whole() .send({type, …}) .restart() .stop())`,
    );
  };
  const run = (id: string) =>
    shown(
      {
        id,
        get: () => ask('runs.get', { run: id }),
        steps: async () => {
          const { steps } = await ask('runs.get', { run: id });
          return shown(steps, (colours) =>
            steps.length === 0
              ? 'no steps yet'
              : table(
                  steps.map(({ step, state, attempt, ms, error }) => [
                    step,
                    state,
                    `try ${attempt}`,
                    `${(ms / 1000).toFixed(1)} s`,
                    dim(error ? String(error.message) : '', colours),
                  ]),
                ),
          );
        },
        logs: async (lines = 50) => {
          const { logs } = await ask('runs.logs', { run: id, lines });
          return shown(logs, () => logs.map(({ name, lines: some }) => `— ${name}\n${some.join('\n')}`).join('\n'));
        },
        stop: () => ask('runs.stop', { run: id }),
        cancel: () => ask('runs.cancel', { run: id }),
        actors: async () => {
          const { actors } = await ask('admin.tree', {});
          return actors.filter(({ address }) => address.startsWith(`${id}/`)).map(({ address }) => actor(address));
        },
      },
      () => `run ${id}  (.get() .steps() .logs() .stop() .cancel() .actors())`,
    );

  return {
    actor,
    run,
    /** Who is alive, and whose child. */
    tree: async () => {
      const { host, actors } = await ask('admin.tree', {});
      return shown({ host, actors }, (colours) => drawn(host, actors, colours));
    },
    /** The runs this runtime remembers. */
    runs: async ({ all = true } = {}) => {
      const { runs } = await ask('runs.list', { all });
      return shown(runs, () =>
        runs.length === 0
          ? 'no runs'
          : table(runs.map(({ run: id, state, url, source }) => [id, state, url ?? '-', source])),
      );
    },
    kinds: async () => {
      const { kinds } = await ask('admin.kinds', {});
      return shown(kinds, () =>
        table(
          kinds.map(({ kind, hears, custom }) => [
            kind,
            hears.join(' '),
            custom ? `${custom.state} ${custom.problems.join('; ')}`.trim() : '',
          ]),
        ),
      );
    },
    /** Takes a folder with an agent.json in as a new kind. */
    enlist: (source: string) => ask('admin.enlist', { source }),
    unlist: (kind: string) => ask('admin.unlist', { kind }),
    /** Starts an actor of a kind; gives it. */
    spawn: async (
      kind: string,
      { run: of = 'sys', id, input }: { run?: string; id?: string; input?: unknown } = {},
    ) => {
      const wanted = { kind, run: of, ...(id === undefined ? {} : { id }), ...(input === undefined ? {} : { input }) };
      return actor((await ask('admin.spawn', wanted)).address);
    },
    /** Gives a job: a folder or URL, or the whole request. */
    submit: async (job: string | { source: string }) => {
      const request = typeof job === 'string' ? { source: job } : job;
      return run((await ask('jobs.submit', request)).run);
    },
    /** Shows facts above the prompt: an address, a run, a type, each with `*`. Without one: those of every run. */
    watch: (pattern = '*/run/*') => watcher.watch(pattern),
    unwatch: (pattern?: string) => watcher.unwatch(pattern),
    /** Any verb of the front door. */
    ask: (verb: Verb, request: object = {}) => client.call(verb, request as never),
  };
}

/** The tree as text: parents before children, what each is at. */
function drawn(host: string, actors: Actor[], colours: boolean): string {
  const lines: string[] = [`${host}  ${actors.length} actors`];
  const below = (parent: string | null, depth: number): void => {
    const own = actors.filter((one) => one.parent === parent || (parent === null && !isThere(one.parent)));
    for (const { address, state, turn, owed, restarts } of own) {
      const about = `${typeof state === 'string' ? state : JSON.stringify(state)}, turn ${turn}`;
      const more = `${owed > 0 ? `, owes ${owed}` : ''}${restarts > 0 ? `, restarted ${restarts}×` : ''}`;
      lines.push(`${'  '.repeat(depth)}${address}  ${dim(about + more, colours)}`);
      below(address, depth + 1);
    }
  };
  const isThere = (address: string | null): boolean => actors.some((one) => one.address === address);
  below(null, 1);
  return lines.join('\n');
}
