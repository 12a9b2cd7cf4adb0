/** What a person holds in the REPL: actors and runs as objects whose methods ask the front door. */
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import type { Request, Verb } from '../../actors/front-door/contract.js';
import { fail } from '../../runtime/errors.js';
import { isAddress, kindLines, stateText, treeLines } from '../cli/actor-words.js';
import type { Client, Told } from '../cli/connect.js';
import { decisionLines } from '../cli/decision-words.js';
import { diffLines } from '../cli/diff-words.js';
import { columns, cut, harmless, paints } from '../cli/paint.js';
import { isUrl } from '../cli/source.js';
import { waterfall } from '../cli/waterfall.js';

/** A run by its id, or as the object that `run` gives. */
type RunLike = string | { id: string };
/** What asks a person: an open decision, or a run that waits for one. */
type Asking = RunLike | { decide(option: string, about?: About): Promise<unknown> };
/** Columns of what is drawn; a terminal may be wider. */
const DRAWN = 120;
const SHORT = 60;
/** A value that prints as a text, and is still itself for scripts. */
const shown = <T extends object>(value: T, text: (colours: boolean) => string): T =>
  Object.defineProperty(value, inspect.custom, {
    value: (_: number, { colors }: { colors?: boolean }) => text(colors === true),
    enumerable: false,
  });
/** The same for what has methods: prints as what it is and which they are. */
const live = <T extends object>(what: string, value: T): T => {
  const methods = Object.entries(value).filter(([, one]) => typeof one === 'function');
  return shown(value, () => `${what}  (${methods.map(([name]) => `.${name}()`).join(' ')})`);
};
const dim = (text: string, colours: boolean): string => paints(colours).dim(text);
const clock = (at: string | null): string => (at === null ? '-' : at.slice(11, 19));
/** A record with methods that are no part of it: it prints, and is written as JSON, without them. */
const able = <T extends object, M extends object>(record: T, methods: M): T & M =>
  Object.defineProperties(
    record,
    Object.fromEntries(Object.entries(methods).map(([name, value]) => [name, { value, enumerable: false }])),
  ) as T & M;
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

/** Which step is meant, where more than one asks, and why. */
interface About {
  step?: string | null;
  reason?: string;
}
/** Beyond the patience that a command is given: until the answer that it is over. */
const ANSWER_MS = 5_000;
/** Ids of decisions look like this. */
const DECISION = /^d\d+$/;
const idOf = (of: RunLike): string => (typeof of === 'string' ? of : of.id);

/**
 * The names a session begins with. Each asks when it is called, and throws the answer's error.
 * @param watcher decides which facts are shown.
 */
export function liveNames(client: Client, watcher: Watcher) {
  const ask = <V extends Verb>(verb: V, request: Parameters<typeof client.call<V>>[1]) => client.call(verb, request);

  const history = async (address: string) => {
    const { versions } = await ask('checkpoints.history', { address });
    return shown(versions, (colours) =>
      versions.length === 0
        ? 'no version is kept'
        : table(
            versions.map(({ version, at, state, took, changed, error }) => [
              version,
              clock(at),
              cut(stateText(state), SHORT),
              took ?? '-',
              dim(error ? error.message : cut(changed.join(', '), SHORT), colours),
            ]),
          ),
    );
  };
  const restore = (address: string, version: string, { dropOwed = false } = {}) =>
    ask('checkpoints.restore', { address, version, dropOwed });

  const actor = (address: string) => {
    if (!isAddress(address))
      throw fail('USAGE', { met: `${String(address)} is no address`, fix: "write actor('<run>/<kind>/<id>')" });
    return live(`actor ${address}`, {
      address,
      /** Its last committed state: value, context, status. */
      state: async () => (await ask('admin.actor', { address })).state,
      /** All that is known of it: version, turn, what it owes, open commands. */
      whole: () => ask('admin.actor', { address }),
      /** The versions that are kept, oldest first: what led to each, and what it changed. */
      history: () => history(address),
      /** Puts an older version back as its newest. */
      restore: (version: string, options?: { dropOwed?: boolean }) => restore(address, version, options),
      /** Sends a command and gives the fact that ends it. */
      send: async (command: { type: string }, { withinMs = 30_000 } = {}) =>
        (await client.call('admin.send', { address, command, withinMs }, withinMs + ANSWER_MS)).fact,
      restart: () => ask('admin.restart', { address }),
      stop: () => ask('admin.stop', { address }),
    });
  };

  /** @param option of those the run waits for. @param about the step, where more than one asks, and why. */
  const approve = (id: string, option: string, { step = null, reason = '' }: About = {}) =>
    ask('runs.approve', { run: id, option, step, reason });
  const answer = (id: string, option: string, { reason = '' }: About = {}) =>
    ask('admin.decide', { decision: id, option, reason });
  const decision = (id: string) => {
    if (typeof id !== 'string' || id === '')
      throw fail('USAGE', {
        met: `${String(id)} is no decision`,
        fix: "write decision('<id>'); decisions() lists them",
      });
    return live(`decision ${id}`, {
      id,
      /** What is asked, and about whom. */
      get: async () => {
        const found = (await ask('admin.decisions', {})).open.find((one) => one.id === id);
        if (!found) throw fail('DECISION_OVER', { decision: id, met: 'nobody asks it now' });
        return found;
      },
      decide: (option: string, about?: About) => answer(id, option, about),
    });
  };
  /** What the admin asks people, each with `.decide()`, and what was decided. */
  const decisions = async () => {
    const told = await ask('admin.decisions', {});
    const open = told.open.map((one) =>
      able(one, { decide: (option: string, about?: About) => answer(one.id, option, about) }),
    );
    return shown({ ...told, open }, (colours) => decisionLines(told, paints(colours)).join('\n'));
  };
  /** Answers what asks: a run, or the admin by the id of a decision that is open. */
  const decide = async (asking: Asking, option: string, about?: About) => {
    if (typeof asking === 'object')
      return 'decide' in asking ? asking.decide(option, about) : approve(asking.id, option, about);
    // A run may bear any name; one that looks like that of a decision is only taken for one while it is open.
    const isOpen = DECISION.test(asking) && (await ask('admin.decisions', {})).open.some(({ id }) => id === asking);
    return isOpen ? answer(asking, option, about) : approve(asking, option, about);
  };
  const run = (id: string) => {
    if (typeof id !== 'string' || id === '')
      throw fail('USAGE', { met: `${String(id)} is no run`, fix: "write run('<id>'); runs() lists them" });
    return live(`run ${id}`, {
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
      /** What it did and when, drawn on one scale of time. */
      show: async () => {
        const timeline = await ask('runs.timeline', { run: id });
        return shown(timeline, (colours) =>
          waterfall(timeline, Math.min(columns(), DRAWN), paints(colours)).join('\n'),
        );
      },
      logs: async (lines = 50) => {
        const { logs } = await ask('runs.logs', { run: id, lines });
        return shown(logs, () => logs.map(({ name, lines: some }) => `— ${name}\n${some.join('\n')}`).join('\n'));
      },
      /** Says yes where it asks for approval. */
      approve: (about?: About) => approve(id, 'approve', about),
      /** Chooses among what it asks. */
      decide: (option: string, about?: About) => approve(id, option, about),
      /** A new run that goes on from a step of this one; gives it. */
      fork: async (
        from: string,
        { job = {}, env = {} }: Pick<Partial<Request<'checkpoints.fork'>>, 'job' | 'env'> = {},
      ) => run((await ask('checkpoints.fork', { run: id, from, job, env })).run),
      signal: (name: string, payload?: unknown) => ask('runs.signal', { run: id, name, payload: payload ?? null }),
      /** Starts what it holds anew, or one service of several. */
      restart: (service?: string) => ask('runs.restart', { run: id, service: service ?? null }),
      stop: () => ask('runs.stop', { run: id }),
      cancel: () => ask('runs.cancel', { run: id }),
      actors: async () => {
        const { actors } = await ask('admin.tree', {});
        return actors.filter(({ address }) => address.startsWith(`${id}/`)).map(({ address }) => actor(address));
      },
    });
  };

  /** Gives a job: a folder or URL, or the whole request. */
  const submit = async (job: string | Record<string, unknown>) => {
    const request = typeof job === 'string' ? { source: job } : job;
    const { source } = request as { source?: unknown };
    const path = typeof source === 'string' && source !== '' && !isUrl(source) ? { source: resolve(source) } : {};
    return run((await ask('jobs.submit', { ...request, ...path })).run);
  };
  const workflow = (name: string) =>
    live(`workflow ${name}`, {
      name,
      definition: async () => (await ask('workflows.show', { name })).definition,
      /** A drawing of it, in Mermaid. */
      draw: async () => {
        const { mermaid } = await ask('workflows.show', { name });
        return shown({ mermaid }, () => mermaid.trimEnd());
      },
      /** Gives it a job: fields of `jobs.submit`. */
      submit: (job: Record<string, unknown> = {}) => submit({ ...job, workflow: name }),
    });

  /** What actors remember: all, those of a run; the versions of one; one version; what changed between two. */
  const checkpoints = async (what?: string | { id: string } | { address: string }, from?: string, to?: string) => {
    const named = what !== undefined && typeof what === 'object' && 'address' in what ? what.address : what;
    if (isAddress(named)) {
      const address = named;
      if (from === undefined) return history(address);
      if (to === undefined) return ask('checkpoints.show', { address, version: from });
      const { changes } = await ask('checkpoints.diff', { address, from, to });
      return shown(changes, (colours) =>
        changes.length === 0 ? 'nothing changed' : diffLines(changes, columns(), paints(colours)).join('\n'),
      );
    }
    const { actors } = await ask('checkpoints.list', named === undefined ? {} : { run: idOf(named) });
    return shown(actors, (colours) =>
      actors.length === 0
        ? 'no actor has lived here'
        : table(
            actors.map(({ address, version, state, owed, at, error }) => [
              address,
              version ?? '-',
              error ? 'broken' : cut(stateText(state), SHORT),
              owed > 0 ? `owes ${owed}` : '',
              dim(error ? error.message : (at ?? '-').slice(0, 19).replace('T', ' '), colours),
            ]),
          ),
    );
  };

  const handling = (id: string) => ({
    /** Whole, but for what is secret. */
    get: () => ask('quarantine.get', { id }),
    /** Gives it another payload, without `type`; the original is kept. */
    edit: (payload: Record<string, unknown>) => ask('quarantine.edit', { id, payload }),
    /** Sends it to its actor again. */
    putBack: ({ withinMs }: { withinMs?: number } = {}) =>
      ask('quarantine.put-back', { id, ...(withinMs === undefined ? {} : { withinMs }) }),
    drop: () => ask('quarantine.drop', { id }),
  });
  /** One that could not be taken and is kept aside. */
  const message = (id: string) => {
    if (typeof id !== 'string' || id === '')
      throw fail('USAGE', {
        met: `${String(id)} is no message`,
        fix: "write message('<id>'); quarantine() lists them",
      });
    return live(`message ${id}`, { id, ...handling(id) });
  };
  /** Messages that could not be taken, oldest first, each with what can be done about it. */
  const quarantine = async () => {
    const { messages } = await ask('quarantine.list', {});
    const all = messages.map((one) => able(one, handling(one.id)));
    return shown(all, (colours) =>
      all.length === 0
        ? 'nothing is in quarantine'
        : table(
            all.map(({ id, address, type, times, why }) => [
              id,
              address,
              type,
              `${times}×`,
              dim(`${harmless(cut(why.message, SHORT))} [${why.code}]`, colours),
            ]),
          ),
    );
  };

  return {
    actor,
    run,
    /** Who is alive, and whose child. */
    tree: async () => {
      const told = await ask('admin.tree', {});
      return shown(told, (colours) => treeLines(told, paints(colours)).join('\n'));
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
      return shown(kinds, (colours) => kindLines(kinds, paints(colours)).join('\n'));
    },
    /** Takes a folder with an agent.json in as a new kind. */
    enlist: (folder: string) => ask('admin.enlist', { source: resolve(folder) }),
    unlist: (kind: string) => ask('admin.unlist', { kind }),
    /** Starts an actor of a kind; gives it. */
    spawn: async (kind: string, about: Omit<Partial<Request<'admin.spawn'>>, 'kind'> = {}) =>
      actor((await ask('admin.spawn', { ...about, kind })).address),
    submit,
    decide,
    workflows: async () => {
      const { workflows } = await ask('workflows.list', {});
      return shown(workflows, (colours) =>
        table(
          workflows.map(({ name, about, file, faults }) => [
            name,
            faults.length === 0 ? (about ?? file ?? '') : paints(colours).red(faults.join('; ')),
          ]),
        ),
      );
    },
    workflow,
    checkpoints,
    decisions,
    decision,
    quarantine,
    message,
    /** Shows facts above the prompt: an address, a run, a type, each with `*`. Without one: those of every run. */
    watch: (pattern = '*/run/*') => watcher.watch(pattern),
    unwatch: (pattern?: string) => watcher.unwatch(pattern),
    /** Any verb of the front door. */
    ask: (verb: Verb, request: object = {}) => client.call(verb, request as never),
  };
}
