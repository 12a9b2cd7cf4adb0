/** `rr run`: one repository to a proven answer, told step by step; held until Ctrl-C, or ended at once with `--once`. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from '../../../actors/front-door/contract.js';
import type { Result } from '../../../actors/run/contract.js';
import { revive } from '../../../runtime/bus.js';
import { fail } from '../../../runtime/errors.js';
import type { Told } from '../connect.js';
import { bringUp } from '../detached.js';
import { type Runtime, reachOrEmbed } from '../embed.js';
import { codes, outcomeCode } from '../exit.js';
import type { Globals } from '../globals.js';
import { isUrl } from '../source.js';
import { openVoice } from '../voice.js';

export interface JobOptions {
  ref?: string;
  service?: string;
  all: boolean;
  /** Of its compose file. */
  profile?: string[];
  copy: boolean;
  fresh?: boolean;
  env: Record<string, string>;
  offline: boolean;
  workflow?: string;
  input?: Record<string, unknown>;
  restart?: 'no' | 'on-failure' | 'always';
  sandbox?: 'auto' | 'off' | 'strict';
  isolation?: 'none' | 'container';
  allowHost?: string[];
  withoutRule?: string[];
  test: boolean;
  goal?: 'run' | 'tests';
}
export interface RunOptions extends JobOptions {
  once: boolean;
  detach: boolean;
  wait: boolean;
}
/** A runtime that fell may take so long to close. */
const LEAVE_MS = 10_000;
/** An end in order takes at most 3 s of grace and a sweep of 10 s; what takes longer has a broker or a disk that hangs. */
const ORDERLY_MS = 20_000;
/** A result is asked for this often beside what is heard, since a fact may be lost. */
const LOOK_MS = 1_000;
/** Keeps nobody alive: what is waited for may come sooner. */
const pause = (): Promise<void> => sleep(LOOK_MS, undefined, { ref: false });

/** Somebody asked the runtime in this process to leave. */
class Asked extends Error {}

/** @throws USAGE where nothing says what to do. */
export function request(
  source: string | undefined,
  {
    ref,
    service,
    all,
    profile = [],
    copy,
    fresh,
    env,
    offline,
    workflow: named,
    input,
    restart,
    sandbox,
    isolation,
    allowHost,
    withoutRule,
    test,
    goal,
  }: JobOptions,
) {
  const asks = goal === 'tests' ? '--goal tests' : test ? '--test' : null;
  if (all && (service !== undefined || named !== undefined || asks !== null))
    throw fail('USAGE', { met: '--all chooses for itself', fix: 'leave --service, --workflow, --test and --goal out' });
  if (asks !== null && named !== undefined && named !== (goal === 'tests' ? 'tests' : 'repo-run'))
    throw fail('USAGE', { met: `${asks} and --workflow ${named}`, fix: 'leave one of them out' });
  const workflow = goal === 'tests' ? 'tests' : test ? 'repo-run' : (named ?? (all ? 'run-all' : undefined));
  if (source === undefined && workflow === undefined)
    throw fail('USAGE', {
      met: 'no source was given',
      fix: 'give a folder, an archive or a git URL, or --workflow NAME',
    });
  return {
    source: source === undefined ? '' : isUrl(source) ? source : resolve(source),
    ref: ref ?? null,
    service: service ?? null,
    copy,
    ...(fresh ? { fresh } : {}),
    env: offline ? { ...env, RR_OFFLINE: '1' } : env,
    workflow: workflow ?? 'repo-run',
    input: { ...input, ...(test ? { test } : {}), ...(all && profile.length > 0 ? { profiles: profile } : {}) },
    ...(restart === undefined ? {} : { restart }),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(allowHost?.length ? { allow: allowHost } : {}),
    ...(withoutRule?.length ? { without: withoutRule } : {}),
  };
}

/** `--detach`: the run stays when this process has gone; `--wait`: which it does once the outcome is known. */
async function detach({ config, json }: Globals, source: string | undefined, options: RunOptions): Promise<number> {
  if (options.once)
    throw fail('USAGE', { met: '--detach holds a run up, --once does not', fix: 'leave one of them out' });
  const voice = openVoice(json);
  const { client } = await bringUp(config, (line) => voice.say(line));
  try {
    const early: Told[] = [];
    let id: string | null = null;
    const hear = (fact: Told): void => {
      if (id === null) early.push(fact);
      else if (fact.from === `${id}/run/run-1`) voice.fact(fact);
    };
    if (options.wait) client.facts(hear);
    ({ run: id } = await client.call('jobs.submit', request(source, options)));
    if (json || options.wait) voice.begin(id, source ?? String(options.workflow), false);
    else process.stdout.write(`${id}\n`);
    if (!options.wait) return codes.ok;
    for (const fact of early.splice(0)) hear(fact);
    for (;;) {
      const { result, asked } = await client.call('runs.get', { run: id });
      if (result) {
        voice.result(result);
        return outcomeCode(result.outcome, result.error);
      }
      for (const one of asked) voice.asks(one);
      if (asked.length > 0) return codes.needsInput;
      await Promise.race([voice.settled, pause()]);
    }
  } finally {
    await client.close();
  }
}

export async function run(globals: Globals, source: string | undefined, options: RunOptions): Promise<number> {
  if (options.detach) return detach(globals, source, options);
  if (options.wait) throw fail('USAGE', { met: '--wait goes with --detach', fix: 'leave it out: rr run waits' });
  const { config, json } = globals;
  const job = request(source, options);
  const voice = openVoice(json);
  const { client, runtime } = await reachOrEmbed(config, (line) => voice.say(line));
  let id: string | null = null;
  let interrupts = 0;
  let isOver = false;
  let stopping = false;
  let proven = false;
  const leave = (run: string): void => {
    if (isOver) return;
    runtime?.abandon(run);
    voice.say(`it did not end within ${ORDERLY_MS / 1000} s${runtime ? ': its keeper ends it now' : ''}`);
    process.exit(codes.interrupted);
  };
  /** Its runtime was another `rr run`, which was told to leave: what it held is ended by one of our own. */
  const endAlone = async (run: string): Promise<void> => {
    const own = await reachOrEmbed(config, (line) => voice.say(line));
    await own.client.call('runs.stop', { run });
    let last = await own.client.call('runs.get', { run });
    for (; !last.ended; last = await own.client.call('runs.get', { run })) await sleep(100);
    isOver = true;
    voice.ended(last.state);
    await own.client.close();
    await own.runtime?.close();
    process.exit(proven ? codes.ok : codes.interrupted);
  };
  const stop = (run: string): void => {
    stopping = true;
    setTimeout(() => leave(run), ORDERLY_MS).unref();
    const asking = async (): Promise<void> => {
      if (runtime || (await client.answers())) await client.call('runs.stop', { run });
      else await endAlone(run);
    };
    asking().catch((error: unknown) => (isOver ? undefined : voice.error(error)));
  };
  const interrupt = (): void => {
    interrupts += 1;
    if (interrupts > 1) {
      if (id) runtime?.abandon(id);
      process.exit(codes.interrupted);
    }
    voice.say('stopping');
    if (id) stop(id);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const fallen = runtime?.fallen.then((error) => {
    isOver = true;
    setTimeout(() => process.exit(codes.ours), LEAVE_MS).unref(); // whatever still hangs then
    if (id) runtime.abandon(id); // nobody would be there to end it
    throw error;
  });
  const asked = runtime?.asked.then(() => {
    isOver = true;
    throw new Asked();
  });
  const ends = [fallen, asked].filter((end) => end !== undefined);
  for (const end of ends) end.catch(() => undefined); // it is heard of wherever something is awaited
  const unlessFallen = <T>(work: Promise<T>): Promise<T> => Promise.race([work, ...ends]);
  try {
    const early: Parameters<Parameters<typeof client.facts>[0]>[0][] = [];
    let lastState: string | null = null;
    const hear = (fact: (typeof early)[number]): void => {
      if (id === null) early.push(fact);
      else if (fact.from === `${id}/run/run-1`) {
        if (fact.type === 'run.ended') lastState = String(fact.payload.state);
        voice.fact(fact);
      }
    };
    client.facts(hear);
    ({ run: id } = await unlessFallen(client.call('jobs.submit', job)));
    voice.begin(id, source ?? job.workflow, runtime === null);
    for (const fact of early.splice(0)) hear(fact);
    if (interrupts > 0) stop(id);

    const look = async (run: string): Promise<Response<'runs.get'>> => {
      const now = await client.call('runs.get', { run });
      for (const one of now.asked) {
        voice.asks(one);
        // Nobody sits there to answer, and it would hold its caller for ever.
        const answer = { decision: one.id, option: 'stop', reason: 'rr run --once waits for nobody' };
        if (options.once) await client.call('admin.decide', answer).catch(() => undefined); // somebody else did
      }
      return now;
    };
    const settled = async (): Promise<Result> => {
      for (;;) {
        const { result } = await unlessFallen(look(id!));
        if (result) return result;
        await unlessFallen(Promise.race([voice.settled, pause()]));
      }
    };
    const result = await settled();
    proven = result.outcome === 'healthy';
    voice.result(result);
    if (options.once && result.outcome === 'healthy' && !stopping)
      await unlessFallen(client.call('runs.stop', { run: id }));
    else if (result.services.some(({ proof }) => proof !== null) && !stopping) voice.holds();
    // What was heard is enough: the runtime may be another's, and gone by now.
    const heard = voice.ended$.then(() => ({ ended: true, state: lastState ?? 'done' }));
    let last: { ended: boolean; state: string; cause?: Response<'runs.get'>['cause'] } = { ended: false, state: '' };
    for (;;) {
      last = await unlessFallen(Promise.race([heard, look(id)]));
      if (last.ended) break;
      await unlessFallen(Promise.race([heard, pause()]));
    }
    isOver = true;
    voice.ended(last.state);
    if (last.cause) voice.error(revive(last.cause));
    const fell = result.outcome === 'healthy' && last.state === 'failed'; // was up, and ended by itself
    if (runtime)
      await othersEnd(
        runtime,
        id,
        (line) => voice.say(line),
        () => interrupts > 0,
      );
    return fell ? codes.failed : outcomeCode(result.outcome, result.error);
  } catch (error) {
    if (!(error instanceof Asked)) throw error;
    voice.say('rr down ends this runtime; what its keepers hold is found again by the next one');
    return proven ? codes.ok : codes.interrupted;
  } finally {
    // Who asked once may ask again to the last: it leaves at once then, as one who was interrupted.
    if (interrupts === 0) process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await client.close();
    await runtime?.close();
  }
}

/** A process that embeds a runtime stays until every run on its host has ended; told to leave, until every end begun. */
async function othersEnd(
  { openRuns, endingRuns }: Runtime,
  own: string,
  say: (line: string) => void,
  interrupted: () => boolean,
): Promise<void> {
  const open = openRuns().filter((run) => run !== own);
  if (open.length > 0 && !interrupted())
    say(`staying for ${open.join(', ')} (Ctrl-C leaves; the next rr resumes them)`);
  while (interrupted() ? endingRuns().length > 0 : openRuns().length > 0) await sleep(10);
}
