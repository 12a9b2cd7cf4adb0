/** Jobs and runs at the front door. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { lookAtPath } from '../../agents/file/source.js';
import { bundleOf, writeBundle } from '../../checkpoints/bundle.js';
import { withoutPassword } from '../../providers/git/clone.js';
import { tail } from '../../providers/process/tail.js';
import type { Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Known, OrchestratorContext } from '../orchestrator/index.js';
import type { RunContext } from '../run/state.js';
import { nextWake } from '../run/wake.js';
import type { Around, Handlers } from './around.js';
import type { runVerbs } from './contract-runs.js';
import { checkJob } from './workflows.js';

/** UTC time and a random suffix: sortable, and unique. */
export function newRunId(now: number): string {
  const time = new Date(now).toISOString().replace(/[-:]/g, '').replace('T', 't').slice(0, 15);
  const suffix = [...randomBytes(6)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
  return `${time}-${suffix}`;
}
/** Whether a source is fetched rather than found on this machine. */
export const isUrl = (source: string): boolean =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);

export function runHandlers({ system, config, workflows, clock, ask }: Around): Handlers<keyof typeof runVerbs> {
  const runs = (): Record<string, Known> =>
    ((system.cell(main('orchestrator'))?.state().state.context as OrchestratorContext | undefined)?.runs ??
      {}) as Record<string, Known>;
  const known = (run: string): Known => {
    const one = runs()[run] ?? fromDisk(config.state, run);
    if (!one) throw fail('RUN_UNKNOWN', { run });
    return one;
  };
  const contextOf = (run: string): RunContext | undefined =>
    system.cell(`${run}/run/run-1`)?.state().state.context as RunContext | undefined;
  const line = (run: string, { state, job, result, at }: Known) => ({
    run,
    // That it waits for somebody only it knows.
    state: state === 'running' && contextOf(run)?.state === 'waiting' ? ('waiting' as const) : state,
    source: job.source,
    outcome: result?.outcome ?? null,
    url: result?.services[0]?.url ?? null,
    at: new Date(at).toISOString(),
  });
  const stop = async (run: string, reason: 'stop' | 'cancel') => {
    if (known(run).ended) return { run, state: known(run).state };
    const fact = (await ask(main('orchestrator'), { type: 'orchestrator.stop', run, reason } as Message)) as Message & {
      state?: Known['state'];
    };
    if (!fact.state) throw fail('RUN_UNKNOWN', { run });
    return { run, state: fact.state };
  };

  return {
    async 'jobs.submit'({ env, run: wanted, ...request }, user) {
      checkJob(workflows, request);
      if (request.source !== '') checkSource(request.source);
      const at = clock.now();
      const run = wanted ?? newRunId(at);
      const bundle = bundleOf(config.state, run);
      // One folder has one name, so that two runs in it are known to be.
      const { source: given } = request;
      const source = given === '' ? '' : isUrl(given) ? withoutPassword(given) : realpathSync(given);
      if (!runs()[run]) {
        if (fromDisk(config.state, run))
          throw fail('USAGE', { met: `there is a run ${run} already`, fix: 'choose another id, or none' });
        // What is secret goes beside the job, never into it: a job is told and written down in many places.
        const inputs = [{ path: 'inputs/given.json', text: `${JSON.stringify(env)}\n` }];
        if (isUrl(source) && source !== request.source)
          inputs.push({ path: 'inputs/source.json', text: `${JSON.stringify({ source: request.source })}\n` });
        await writeBundle(bundle, inputs);
      }
      const job = { ...request, source, user };
      await ask(
        main('orchestrator'),
        { type: 'orchestrator.submit', run, job, bundle, slots: config.slots, at } as Message,
        `submit/${run}`,
      );
      return { run };
    },
    'runs.list': async ({ all }) => ({
      runs: Object.entries(runs())
        .filter(([, one]) => all || !one.ended)
        .map(([run, one]) => line(run, one))
        .reverse(),
    }),
    async 'runs.get'({ run }) {
      const one = known(run);
      const context = contextOf(run);
      const steps =
        context?.steps ??
        (readJson(join(one.bundle, 'run.json')) as { steps?: RunContext['steps'] } | null)?.steps ??
        {};
      return {
        ...line(run, one),
        ended: one.ended,
        workflow: one.job.workflow,
        waitsFor: context && !one.ended ? nextWake(context) : [],
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
    async 'runs.logs'({ run, lines }) {
      const folder = join(known(run).bundle, 'logs');
      const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
      const byTime = names.sort(
        (a, b) => statSync(join(folder, a)).birthtimeMs - statSync(join(folder, b)).birthtimeMs,
      );
      return {
        logs: byTime.map((name) => ({
          name: name.replace(/\.log$/, ''),
          lines: tail(join(folder, name), lines, 512 * 1024),
        })),
      };
    },
  };
}

/** @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, USAGE */
function checkSource(source: string): void {
  if (isUrl(source)) return;
  if (!isAbsolute(source))
    throw fail('USAGE', { met: `the source ${source} is relative`, fix: 'give an absolute path or a URL' });
  lookAtPath(source);
}

const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // no such run, or one that was cut short before it wrote anything
  }
};

/** A run that the orchestrator has forgotten, from its folder. */
function fromDisk(state: string, run: string): Known | null {
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
