/** Jobs and runs at the front door. */
import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { lookAtPath } from '../../agents/file/source.js';
import { bundleOf, writeBundle } from '../../checkpoints/bundle.js';
import { withoutPassword } from '../../providers/git/clone.js';
import type { Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { fromDisk, lineOf, readJson } from '../at-rest.js';
import { readLogs } from '../logs.js';
import type { Known, OrchestratorContext } from '../orchestrator/index.js';
import type { RunContext } from '../run/state.js';
import type { Around, Handlers } from './around.js';
import type { runVerbs } from './contract-runs.js';

/** UTC time and a random suffix: sortable, and unique. */
export function newRunId(now: number): string {
  const time = new Date(now).toISOString().replace(/[-:]/g, '').replace('T', 't').slice(0, 15);
  const suffix = [...randomBytes(6)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
  return `${time}-${suffix}`;
}
/** Whether a source is fetched rather than found on this machine. */
export const isUrl = (source: string): boolean =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);

export function runHandlers({ system, config, clock, ask, life }: Around): Handlers<keyof typeof runVerbs> {
  const runs = (): Record<string, Known> =>
    ((system.cell(main('orchestrator'))?.state().state.context as OrchestratorContext | undefined)?.runs ??
      {}) as Record<string, Known>;
  const known = (run: string): Known => {
    const one = runs()[run] ?? fromDisk(config.state, run);
    if (!one) throw fail('RUN_UNKNOWN', { run });
    return one;
  };
  const stop = async (run: string, reason: 'stop' | 'cancel') => {
    if (known(run).ended) return { run, state: known(run).state };
    const fact = (await ask(main('orchestrator'), { type: 'orchestrator.stop', run, reason } as Message)) as Message & {
      state?: Known['state'];
    };
    if (!fact.state) throw fail('RUN_UNKNOWN', { run });
    return { run, state: fact.state };
  };

  const submit: Handlers<'jobs.submit'>['jobs.submit'] = async ({ env, run: wanted, ...request }, user) => {
    checkSource(request.source);
    const at = clock.now();
    const run = wanted ?? newRunId(at);
    const bundle = bundleOf(config.state, run);
    // One folder has one name, so that two runs in it are known to be.
    const source = isUrl(request.source) ? withoutPassword(request.source) : realpathSync(request.source);
    if (!runs()[run]) {
      if (fromDisk(config.state, run))
        throw fail('USAGE', { met: `there is a run ${run} already`, fix: 'choose another id, or none' });
      // What is secret goes beside the job, never into it: a job is told and written down in many places.
      const inputs = [{ path: 'inputs/given.json', text: `${JSON.stringify(env)}\n` }];
      if (isUrl(source) && source !== request.source)
        inputs.push({ path: 'inputs/source.json', text: `${JSON.stringify({ source: request.source })}\n` });
      await writeBundle(bundle, inputs);
    }
    const job = { workflow: 'repo-run', ...request, source, user };
    await ask(
      main('orchestrator'),
      { type: 'orchestrator.submit', run, job, bundle, slots: config.slots, at } as Message,
      `submit/${run}`,
    );
    return { run };
  };

  return {
    async 'jobs.submit'(request, user) {
      // One that is known is told again: whoever repeats it has not heard that it was taken.
      if (life.draining && !(request.run && runs()[request.run])) throw fail('DRAINING', { host: config.host });
      life.taking += 1;
      return submit(request, user).finally(() => {
        life.taking -= 1;
      });
    },
    'runs.list': async ({ all }) => ({
      runs: Object.entries(runs())
        .filter(([, one]) => all || !one.ended)
        .map(([run, one]) => lineOf(run, one))
        .reverse(),
    }),
    async 'runs.get'({ run }) {
      const one = known(run);
      const context = system.cell(`${run}/run/run-1`)?.state().state.context as RunContext | undefined;
      const steps =
        context?.steps ??
        (readJson(join(one.bundle, 'run.json')) as { steps?: RunContext['steps'] } | null)?.steps ??
        {};
      return {
        ...lineOf(run, one),
        ended: one.ended,
        steps: Object.entries(steps).map(([step, { state, attempt, ms, error }]) => ({
          step,
          state,
          attempt,
          ms,
          error: error && { ...error },
        })),
        result: one.result,
        bundle: one.bundle,
      };
    },
    'runs.cancel': ({ run }) => stop(run, 'cancel'),
    'runs.stop': ({ run }) => stop(run, 'stop'),
    async 'runs.restart'({ run }) {
      known(run);
      await ask(`${run}/run/run-1`, { type: 'run.restart' } as Message);
      return { run, state: known(run).state };
    },
    'runs.logs': async ({ run, ...wanted }) => readLogs(known(run).bundle, wanted),
  };
}

/** @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, USAGE */
function checkSource(source: string): void {
  if (isUrl(source)) return;
  if (!isAbsolute(source))
    throw fail('USAGE', { met: `the source ${source} is relative`, fix: 'give an absolute path or a URL' });
  lookAtPath(source);
}
