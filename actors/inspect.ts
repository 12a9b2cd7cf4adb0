/**
 * Looks into a state folder and mends it: the same answers for the front door of a living runtime and for a program that
 * finds none. A living runtime hands over what its actors are now, which the files may not say yet.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { exportTo, importFrom, type Told } from '../checkpoints/archive.js';
import { bundleOf } from '../checkpoints/bundle.js';
import { diff, pathText } from '../checkpoints/diff.js';
import { syncFile } from '../checkpoints/durable.js';
import { comparable, leadOf, openReader, type Reader, type Tail, versionOf } from '../checkpoints/inspect.js';
import { checkpointFile, writeCheckpoints } from '../checkpoints/json.js';
import { openLedger } from '../checkpoints/ledger.js';
import { restored } from '../checkpoints/restore.js';
import { tailOf } from '../checkpoints/store.js';
import { type Finding, mend, verify } from '../checkpoints/verify.js';
import type { Config } from '../runtime/config.js';
import { fail, toRecord } from '../runtime/errors.js';
import { lockHolder, takeLock } from '../runtime/lock.js';
import type { Checkpoint, Line } from '../runtime/store.js';
import { at } from '../runtime/workflow.js';
import { exportRun } from './exports/index.js';
import type { Handlers } from './front-door/around.js';
import { listRuns } from './front-door/runs.js';
import { timelineOf } from './run/timeline.js';

/** What a living runtime adds. */
export interface Living {
  /** Its actors as they are. */
  tail(): Tail;
  /** Ends an actor, if it lives. */
  stop(address: string): Promise<void>;
  /** Starts it again where it is one that should live. @returns whether it does. */
  start(address: string): Promise<boolean>;
  commit(checkpoint: Checkpoint, audit: Line[]): Promise<void>;
}
type Verb = 'list' | 'show' | 'history' | 'diff' | 'restore' | 'verify' | 'export';
export type Inspection = Handlers<`checkpoints.${Verb}` | 'runs.timeline' | 'runs.export'>;

/** @param living null: nobody lives on the folder, which is made sure of before anything is written. */
export function inspection({ state, host }: Pick<Config, 'state' | 'host'>, living: Living | null): Inspection {
  /** What is newer than the files. */
  const tail = (): Tail => living?.tail() ?? tailOf(state);
  const reader = (): Reader => openReader(state, tail());
  return {
    'checkpoints.list': async ({ run }) => {
      const actors = await reader().actors(run);
      if (run !== undefined && actors.length === 0) throw fail('RUN_UNKNOWN', { run });
      return { actors };
    },
    async 'checkpoints.show'({ address, version, path }) {
      const read = reader();
      const checkpoint = await read.at(address, version);
      const { state: was, owed, open, answers } = checkpoint;
      const context = path === undefined ? was.context : at(was.context, path);
      if (context === undefined)
        throw fail('USAGE', {
          met: `the context of ${address} has nothing at ${path}`,
          fix: `its fields are ${Object.keys(was.context as object).join(', ')}`,
        });
      return {
        address,
        version: versionOf(checkpoint),
        at: checkpoint.at,
        definition: checkpoint.version,
        state: was.value,
        status: was.status,
        context,
        owed,
        open,
        answers: Object.keys(answers).length,
        lead: leadOf(read, checkpoint),
      };
    },
    async 'checkpoints.history'({ address }) {
      const read = reader();
      const versions = [];
      let before: Record<string, unknown> | null = null;
      let asked = new Map<string, unknown>();
      for (const version of await read.versions(address))
        try {
          const checkpoint = await read.at(address, version);
          const now = comparable(checkpoint);
          const changed = before ? [...new Set(diff(before, now).map(({ path }) => shortPath(path)))] : [];
          const { cause, state: was, owed } = checkpoint;
          // What an answer was to stands in the ask that is owed no more.
          const { tag } = (asked.get(cause?.id ?? '') ?? {}) as { tag?: string };
          const took = cause ? [cause.type, tag].filter(Boolean).join(' ') : null;
          asked = new Map(owed.map(({ id, params }) => [id, params]));
          versions.push({
            version,
            at: checkpoint.at,
            state: was.value,
            owed: owed.length,
            took,
            changed,
            error: null,
          });
          before = now;
        } catch (error) {
          versions.push({ version, at: null, state: null, owed: 0, took: null, changed: [], error: toRecord(error) });
        }
      return { address, versions };
    },
    async 'checkpoints.diff'({ address, from, to }) {
      const read = reader();
      const [a, b] = [await read.at(address, from), await read.at(address, to)];
      return { address, from, to, changes: diff(comparable(a), comparable(b)) };
    },
    async 'checkpoints.restore'({ address, version, dropOwed }, user) {
      await reader().at(address, version); // nothing is stopped for a version that is not there
      const release = living ? () => undefined : holdFolder(state, host);
      try {
        await living?.stop(address);
        const read = reader();
        const newest = await read.at(address).catch(() => null); // broken: that is why
        const { checkpoint, kept, dropped, line } = restored({
          version: await read.at(address, version),
          newest,
          known: await read.versions(address),
          dropOwed,
          by: user,
          now: Date.now(),
        });
        await (living?.commit ?? commitTo(state))(checkpoint, [line]);
        const lives = (await living?.start(address)) ?? false;
        const ids = (effects: { id: string }[]): string[] => effects.map(({ id }) => id);
        const from = newest && versionOf(newest);
        return {
          address,
          from,
          to: version,
          as: versionOf(checkpoint),
          kept: ids(kept),
          dropped: ids(dropped),
          lives,
        };
      } finally {
        release();
      }
    },
    async 'runs.timeline'({ run }) {
      if (!existsSync(bundleOf(state, run))) throw fail('RUN_UNKNOWN', { run });
      const read = reader();
      const timeline = timelineOf(run, { ...read.lines(run), system: read.lines('sys').audit }, Date.now());
      if (timeline) return timeline;
      throw fail('USAGE', { met: `the run ${run} has not begun`, fix: 'wait for a slot: rr ps shows what is at work' });
    },
    'runs.export': async ({ run, format }) => exportRun(state, run, format),
    'checkpoints.verify': () => verify(state, { lives: living !== null || isTaken(state), tail: tail() }),
    async 'checkpoints.export'({ what, file }) {
      if (!isAbsolute(file)) throw fail('USAGE', { met: `${file} is relative`, fix: 'give an absolute path' });
      return { ...(await exportTo(state, what, file)), file };
    },
  };
}

/** What only a folder without a runtime is asked: taking in what was exported, and removing what harms nobody. */
export const folderOnly = ({ state, host }: Pick<Config, 'state' | 'host'>) => ({
  runs: () => listRuns(state),
  import(file: string): Told {
    mkdirSync(state, { recursive: true });
    return importFrom(state, file);
  },
  async mend(): Promise<{ mended: Finding[]; findings: Finding[] }> {
    const release = holdFolder(state, host);
    try {
      const { findings } = await verify(state, { lives: false });
      const mended = mend(state, findings);
      return { mended, findings: findings.filter((one) => !mended.includes(one)) };
    } finally {
      release();
    }
  },
});

/** Paths of the context stand without a prefix and not too deep; of what is owed, open or answered the part is enough. */
const shortPath = ([part, ...rest]: (string | number)[]): string =>
  part === 'context' ? pathText(rest.slice(0, 2)) || 'context' : String(part);

const hostsOf = (state: string): string[] =>
  existsSync(join(state, 'hosts')) ? readdirSync(join(state, 'hosts')) : [];
const holderOf = (state: string, id: string) => lockHolder(join(state, 'hosts', id, 'lock'));
/** A runtime is there, though nobody may have reached it. */
const isTaken = (state: string): boolean => hostsOf(state).some((id) => holderOf(state, id) !== null);

/** Keeps every runtime off a folder. @returns what lets them in again. @throws HOST_TAKEN when one is there. */
function holdFolder(state: string, host: string): () => void {
  const ids = hostsOf(state);
  for (const id of ids) {
    const holder = holderOf(state, id);
    if (holder !== null) throw fail('HOST_TAKEN', { id, pid: holder === 'unknown' ? 'just starting' : holder.pid });
  }
  const locks = ids.map((id) => takeLock(join(state, 'hosts', id, 'lock')));
  if (locks.every((lock) => lock !== null)) return () => locks.map((lock) => lock.release());
  for (const lock of locks) lock?.release();
  throw fail('HOST_TAKEN', { id: host, pid: 'just starting' });
}

/** Writes where nobody lives: the file is newer than what a journal may hold of the actor. */
const commitTo =
  (state: string): Living['commit'] =>
  async (checkpoint, audit) => {
    const file = join(state, checkpointFile(checkpoint));
    const ledger = openLedger(state, { dedupe: true });
    for (const line of audit) ledger.audit(checkpoint.run, line);
    ledger.close();
    writeCheckpoints(file, [checkpoint]);
    await syncFile(file);
  };
