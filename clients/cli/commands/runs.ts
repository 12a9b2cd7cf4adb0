/** `rr submit`, `ps`, `restart`, `stop`: runs of a runtime that is up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../runtime/errors.js';
import { type Client, reach, reachOrFail } from '../connect.js';
import { runsAtRest } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';
import { type JobOptions, request } from './run.js';

/** What a run waits for while its application is up. */
const HELD = 'end-of-application';
const LOOK_MS = 100;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

export async function submit(
  { config, json }: Globals,
  source: string | undefined,
  options: JobOptions,
): Promise<number> {
  const job = request(source, options);
  const client = await reachOrFail(config);
  try {
    const { run } = await client.call('jobs.submit', job);
    print(json ? JSON.stringify({ type: 'run', run }) : run);
    return codes.ok;
  } finally {
    await client.close();
  }
}

export async function ps({ config, json }: Globals, { all }: { all: boolean }): Promise<number> {
  const client = await reach(config);
  try {
    if (!client) process.stderr.write('no runtime is up; as it stands on disk:\n');
    const runs = client ? (await client.call('runs.list', { all })).runs : await runsAtRest(config.state, all);
    for (const run of runs)
      print(
        json
          ? JSON.stringify({ type: 'run', ...run })
          : harmless(`${run.run}  ${run.state.padEnd(12)}  ${run.url ?? '-'}  ${run.source}`),
      );
    if (runs.length === 0 && !json) print(all ? 'no runs' : 'no open runs (--all shows ended ones)');
    return codes.ok;
  } finally {
    await client?.close();
  }
}

/**
 * Starts the application of a run anew, and waits until it is up and proven, or the run has ended for want of it.
 * @param what the run, or the name of a service that one run holds up.
 */
export async function restart({ config, json }: Globals, what: string): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const run = await runOf(client, what);
    const before = await client.call('runs.get', { run });
    if (before.ended) throw fail('RUN_NOT_WAITING', { run, state: before.state, what: 'start its application anew' });
    await client.call('runs.restart', { run });
    print(json ? JSON.stringify({ type: 'restarting', run }) : `${run} restarting`);
    for (;;) {
      const { ended, state, url, steps, waitsFor } = await client.call('runs.get', { run });
      if (ended) {
        const why = steps.findLast(({ error }) => error !== null)?.error ?? null;
        if (json) print(JSON.stringify({ type: 'ended', run, state, error: why }));
        else print(`${run} ${state}${why ? `\n    ${why.message}\n    fix: ${why.fix}  [${why.code}]` : ''}`);
        return codes.failed;
      }
      if (waitsFor.some((one) => one.for === HELD)) {
        print(json ? JSON.stringify({ type: 'restarted', run, url }) : `${run} up  ${url ?? '-'}`);
        return codes.ok;
      }
      await sleep(LOOK_MS);
    }
  } finally {
    await client.close();
  }
}

/** @throws USAGE where several runs hold a service of that name up. */
async function runOf(client: Client, what: string): Promise<string> {
  const { runs } = await client.call('runs.list', { all: true });
  if (runs.some(({ run }) => run === what)) return what;
  const holding: string[] = [];
  for (const { run } of runs.filter((one) => one.state === 'up')) {
    const { result } = await client.call('runs.get', { run });
    if (result?.services.some(({ name }) => name === what)) holding.push(run);
  }
  if (holding.length > 1)
    throw fail('USAGE', { met: `${what} is held up by ${holding.join(' and ')}`, fix: 'give the run' });
  return holding[0] ?? what; // what is neither is refused as a run
}

export async function stop({ config, json }: Globals, run: string): Promise<number> {
  const client = await reachOrFail(config);
  try {
    await client.call('runs.stop', { run });
    for (;;) {
      const { ended, state } = await client.call('runs.get', { run });
      if (ended) {
        print(json ? JSON.stringify({ type: 'ended', run, state }) : `${run} ${state}`);
        return codes.ok;
      }
      await sleep(LOOK_MS);
    }
  } finally {
    await client.close();
  }
}

export async function approve(
  { config, json }: Globals,
  run: string,
  step: string | undefined,
  { option, reason }: { option: string; reason: string },
): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const made = await client.call('runs.approve', { run, step: step ?? null, option, reason });
    print(json ? JSON.stringify({ type: 'decided', ...made }) : `${made.step}: ${made.decision.option}`);
    return codes.ok;
  } finally {
    await client.close();
  }
}

export async function signal(
  { config, json }: Globals,
  run: string,
  name: string,
  { payload }: { payload?: unknown },
): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const { step } = await client.call('runs.signal', { run, name, payload });
    if (json) print(JSON.stringify({ type: 'signalled', run, name, step }));
    else print(step === null ? `${name} is kept until a step waits for it` : `${step} has it`);
    return codes.ok;
  } finally {
    await client.close();
  }
}
