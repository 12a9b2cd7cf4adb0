/** Jobs and runs at the front door. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readStatus } from '../../agents/monitor/observe.js';
import { bundleOf, writeBundle } from '../../checkpoints/bundle.js';
import { freeBytes } from '../../providers/process/limits.js';
import type { Message } from '../../runtime/actor.js';
import { revive } from '../../runtime/bus.js';
import { fail } from '../../runtime/errors.js';
import { main, placeOf } from '../../runtime/subjects.js';
import type { AdminContext } from '../admin/index.js';
import { fromDisk, lineOf, readJson } from '../at-rest.js';
import { readLogs } from '../logs.js';
import type { Known, OrchestratorContext } from '../orchestrator/index.js';
import { healingsOf } from '../run/recover.js';
import { type Life, type RunContext, STARTS } from '../run/state.js';
import { nextWake } from '../run/wake.js';
import type { Around, Handlers } from './around.js';
import type { Response } from './contract.js';
import { type Asked, RunId, type runVerbs } from './contract-runs.js';
import { databasesOf } from './databases.js';
import { checkRules } from './fixes.js';
import { readSource } from './source.js';
import { checkJob } from './workflows.js';

/** Less than this is no room for a run of its own. */
const ROOM_BYTES = 1 << 20;

/** UTC time and a random suffix: sortable, and unique. */
export function newRunId(now: number): string {
  const time = new Date(now).toISOString().replace(/[-:]/g, '').replace('T', 't').slice(0, 15);
  const suffix = [...randomBytes(6)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
  return `${time}-${suffix}`;
}

type Asking = Pick<Known['job'], 'source' | 'workflow' | 'ref' | 'service' | 'input'>;
/** Whether two requests ask for the same; a run may since have been given a copy to work on. */
const isSame = (one: Asking, other: Asking): boolean =>
  (['source', 'workflow', 'ref', 'service'] as const).every((field) => one[field] === other[field]) &&
  isDeepStrictEqual(one.input ?? {}, other.input ?? {});

export function runHandlers({
  system,
  store,
  config,
  workflows,
  clock,
  ask,
  life,
}: Around): Handlers<Exclude<keyof typeof runVerbs, 'runs.timeline' | 'runs.export'>> {
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
  const asked = (run: string): Asked[] => {
    const { open = {} } = (system.cell(main('admin'))?.state().state.context ?? {}) as Partial<AdminContext>;
    return Object.values(open)
      .filter(({ address }) => placeOf(address).run === run)
      .map(({ id, address, question, options, facts }) => {
        return { id, address, question, options, error: String(facts.error) };
      });
  };
  /** That it waits for somebody, or is being repaired, only the run knows. */
  const line = (run: string, one: Known) => {
    const state = one.ended ? undefined : contextOf(run)?.state;
    const isFiner = (one.state === 'running' && state === 'waiting') || (one.state === 'up' && state === 'healing');
    return { ...lineOf(run, { ...one, result: resultOf(run, one) }), state: isFiner ? state! : one.state };
  };
  /** As it stands: an application that was repaired may be elsewhere now. */
  const resultOf = (run: string, one: Known): Known['result'] =>
    (one.result?.outcome === 'healthy' ? contextOf(run)?.result : null) ?? one.result;
  const stop = async (run: string, reason: 'stop' | 'cancel') => {
    if (known(run).ended) return { run, state: known(run).state };
    const command = { type: 'orchestrator.stop', run, reason, at: clock.now() } as Message;
    const fact = (await ask(main('orchestrator'), command)) as Message & { state?: Known['state'] };
    if (!fact.state) throw fail('RUN_UNKNOWN', { run });
    return { run, state: fact.state };
  };

  const submit: Handlers<'jobs.submit'>['jobs.submit'] = async (
    { env, sandbox, isolation, allow, run: wanted, ...request },
    user,
  ) => {
    const trouble = store.trouble();
    if (trouble) throw revive(trouble); // it could not be kept
    // Told before a turn has to wait for room: the journal is the last to notice, its files being made beforehand.
    if (!(wanted && runs()[wanted]) && freeBytes(config.state) < ROOM_BYTES)
      throw fail('STATE_UNWRITABLE', { path: config.state, reason: 'ENOSPC: less than 1 MB is free' });
    checkJob(workflows, request);
    checkRules(config.state, request.without ?? []);
    const { source, secret } = request.source === '' ? { source: '', secret: null } : readSource(request.source);
    const at = clock.now();
    const run = wanted ?? newRunId(at);
    const bundle = bundleOf(config.state, run);
    if (!runs()[run]) {
      if (fromDisk(config.state, run))
        throw fail('USAGE', { met: `there is a run ${run} already`, fix: 'choose another id, or none' });
      // What is secret goes beside the job, never into it: a job is told and written down in many places.
      const inputs: { path: string; text: string }[] = [];
      if (Object.keys(env).length > 0) inputs.push({ path: 'inputs/given.json', text: `${JSON.stringify(env)}\n` });
      if (secret !== null) inputs.push({ path: 'inputs/source.json', text: `${JSON.stringify({ source: secret })}\n` });
      if (isolation === 'container' && sandbox === 'strict')
        throw fail('USAGE', {
          met: 'a strict sandbox and a container',
          fix: 'choose one of them: a container has the network of the machine',
        });
      if (sandbox !== undefined || isolation !== undefined || allow.length > 0)
        inputs.push({ path: 'inputs/sandbox.json', text: `${JSON.stringify({ mode: sandbox, allow, isolation })}\n` });
      if (inputs.length > 0) await writeBundle(bundle, inputs);
    }
    const job = { ...request, source, user };
    const before = runs()[run];
    // A repeat is answered as it was; another job must not be taken for one, and lost.
    if (before && !isSame(before.job, job))
      throw fail('USAGE', { met: `there is a run ${run} already, of another job`, fix: 'choose another id, or none' });
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
    async 'runs.list'({ all }) {
      const remembered = runs();
      const others = all ? runsOnDisk(config.state).filter(([run]) => !(run in remembered)) : [];
      const shown = Object.entries(remembered).filter(([, one]) => all || !one.ended);
      return {
        runs: [...others, ...shown]
          .sort(([, a], [, b]) => a.at - b.at)
          .map(([run, one]) => line(run, one))
          .reverse(),
      };
    },
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
        asked: asked(run),
        result: resultOf(run, one),
        cause: one.cause ?? null,
        bundle: one.bundle,
      };
    },
    async 'runs.status'({ run }) {
      const one = known(run);
      const context = contextOf(run);
      const held = Object.values(context?.held ?? {});
      const healings = context ? healingsOf(context) : [];
      const services = (resultOf(run, one)?.services ?? []).map(({ name, url }) => {
        const none = { well: held.includes(name), since: one.at, latencyMs: null, errors: [], downMs: 0, samples: [] };
        const unseen = { format: 1, logAt: null, wellAt: null, service: name, url, ...none };
        const { format: _, logAt: __, wellAt: ___, samples, ...seen } = readStatus(one.bundle, name) ?? unseen;
        const { restarts = [], heals = 0, downMs = 0, recovery = null } = lifeOf(context, name) ?? {};
        // One that has ended is looked into while it is still among those that are held.
        const up = held.includes(name) && !recovery?.exit;
        const more = { up, rising: isRising(context, name), restarts: restarts.length, heals };
        const healing = healings.find(({ service }) => service === name) ?? null;
        return { ...seen, ...more, downMs: seen.downMs + downMs, healing, url, last: samples.at(-1) ?? null };
      });
      const servers = databasesOf(config.state, run).databases.map(({ kind, up, serve: { host, port } }) => {
        const { again = [], lost = false } = context?.servers?.[kind] ?? {};
        return { kind, host, port, up, restarts: again.length, lost };
      });
      return { run, state: line(run, one).state, servers, services, healing: healings[0] ?? null };
    },
    'runs.cancel': ({ run }) => stop(run, 'cancel'),
    'runs.stop': ({ run }) => stop(run, 'stop'),
    'runs.logs': async ({ run, ...wanted }) => readLogs(known(run).bundle, wanted),
  };
}

/** Of one of several services, else of the run's own. */
const lifeOf = (context: RunContext | undefined, service: string): Life | undefined => {
  if (!context || isAlone(context)) return context;
  return Object.values(context.parts).find((one) => one.service === service);
};
const isAlone = ({ steps }: RunContext): boolean => STARTS in steps;
/** Whether it is being started again or repaired, or will be in its turn. */
function isRising(context: RunContext | undefined, service: string): boolean {
  if (!context) return false;
  const { mode, parts, anew } = context;
  if (isAlone(context)) return mode === 'restarting';
  return Object.keys(parts).some(
    (key) => parts[key]!.service === service && (parts[key]!.rising || anew.includes(key)),
  );
}

/** Every run that has written down how it stands: those that were forgotten or imported too. */
const runsOnDisk = (state: string): [string, Known][] => {
  const folder = join(state, 'runs');
  return (existsSync(folder) ? readdirSync(folder) : []).sort().flatMap((run): [string, Known][] => {
    const known = RunId.safeParse(run).success ? fromDisk(state, run) : null;
    return known ? [[run, known]] : [];
  });
};
/** The runs of a folder where no runtime is, newest first. */
export const listRuns = (state: string): Response<'runs.list'> => ({
  runs: runsOnDisk(state)
    .map(([run, known]) => lineOf(run, known))
    .reverse(),
});
