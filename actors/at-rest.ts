/** The runs of a state folder as they rest on disk: for a folder on which no runtime is up. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleOf } from '../checkpoints/bundle.js';
import { checkpointFile, readCheckpoint } from '../checkpoints/json.js';
import { tailOf } from '../checkpoints/store.js';
import { main, placeOf } from '../runtime/subjects.js';
import type { RunLine } from './front-door/contract-runs.js';
import type { Known, OrchestratorContext } from './orchestrator/index.js';

export const lineOf = (run: string, { state, job, result, at }: Known): RunLine => ({
  run,
  state,
  source: job.source,
  outcome: result?.outcome ?? null,
  url: result?.services[0]?.url ?? null,
  at: new Date(at).toISOString(),
});

/** What the orchestrator last knew. @throws CHECKPOINT_BROKEN */
async function remembered(state: string): Promise<Record<string, Known>> {
  // The files may lag behind the journal, by a moment or, after a kill, until the next start.
  const address = main('orchestrator');
  const checkpoint =
    tailOf(state).get(address) ?? (await readCheckpoint(join(state, checkpointFile(placeOf(address)))));
  return (checkpoint?.state.context as OrchestratorContext | undefined)?.runs ?? {};
}

/** Open runs, newest first; with `all` ended ones too, also those that the orchestrator has forgotten. */
export async function runsAtRest(state: string, all: boolean): Promise<RunLine[]> {
  const known = await remembered(state);
  const folder = join(state, 'runs');
  if (all && existsSync(folder))
    for (const run of readdirSync(folder)) {
      const one = known[run] ?? fromDisk(state, run);
      if (one) known[run] = one;
    }
  return Object.entries(known)
    .filter(([, { ended }]) => all || !ended)
    .sort(([, a], [, b]) => b.at - a.at)
    .map(([run, one]) => lineOf(run, one));
}

/** Whether a run is over. One that nobody remembers is, if it has a result. */
export async function hasEnded(state: string, run: string): Promise<boolean> {
  const known = (await remembered(state))[run];
  return known ? known.ended : (fromDisk(state, run)?.result ?? null) !== null;
}

/** A run that the orchestrator has forgotten, from its folder. */
export function fromDisk(state: string, run: string): Known | null {
  const bundle = bundleOf(state, run);
  const file = readJson(join(bundle, 'run.json')) as {
    job: Known['job'];
    state: Known['state'];
    startedAt: string;
    result: Known['result'];
  } | null;
  return (
    file && {
      job: file.job,
      bundle,
      slots: 1,
      state: file.state,
      at: Date.parse(file.startedAt),
      result: file.result,
      ended: true,
    }
  );
}

export const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // no such run, or one that was cut short before it wrote anything
  }
};
