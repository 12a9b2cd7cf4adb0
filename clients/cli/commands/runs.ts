/** `rr submit`, `ps`, `restart`, `stop`: runs of a runtime that is up. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from '../../../actors/front-door/contract.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { type Client, reach, reachOrFail } from '../connect.js';
import { restingRun, runsAtRest } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';
import { type JobOptions, request } from './run.js';

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
 * Starts what a run holds up anew, and waits until all of it is up and proven, or is given up.
 * @param what the run, or the name of a service that one run holds up.
 * @param one of several services of the run.
 */
export async function restart({ config, json }: Globals, what: string, one: string | undefined): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const { run, service } = one === undefined ? await meant(client, what) : { run: what, service: one };
    const before = await client.call('runs.get', { run });
    if (before.ended) throw fail('RUN_NOT_WAITING', { run, state: before.state, what: 'start its application anew' });
    const { services } = await client.call('runs.restart', { run, service });
    const told = before.result && before.result.services.length > 1 ? `: ${services.join(', ')}` : '';
    print(json ? JSON.stringify({ type: 'restarting', run, services }) : `${run} restarting${told}`);
    const left = new Set(services);
    let isWell = true;
    for (;;) {
      const { ended, state, steps } = await lookAt(client, config, run);
      if (ended) {
        const why = steps.findLast(({ error }) => error !== null)?.error ?? null;
        if (json) print(JSON.stringify({ type: 'ended', run, state, error: why }));
        else print(`${run} ${state}${why ? `\n    ${why.message}\n    fix: ${why.fix}  [${why.code}]` : ''}`);
        return codes.failed;
      }
      const all = await servicesOf(client, run);
      // With the last of them the run ends, and says why.
      const isEnding = all.every(({ up, rising }) => !up && !rising);
      for (const { service: name, url, up, rising } of isEnding ? [] : all) {
        if (rising || !left.delete(name)) continue;
        isWell &&= up;
        const shown = told === '' ? run : `${run} ${name}`;
        if (json) print(JSON.stringify({ type: up ? 'restarted' : 'lost', run, service: name, url }));
        else print(up ? `${shown} up  ${url ?? '-'}` : `${shown} did not come up; rr logs ${run} ${name} says why`);
      }
      if (left.size === 0) return isWell ? codes.ok : codes.failed;
      await sleep(LOOK_MS);
    }
  } finally {
    await client.close();
  }
}

const servicesOf = async (client: Client, run: string): Promise<Response<'runs.status'>['services']> =>
  (await client.call('runs.status', { run })).services;

/** @throws USAGE where several runs hold a service of that name up. */
async function meant(client: Client, what: string): Promise<{ run: string; service: string | null }> {
  const { runs } = await client.call('runs.list', { all: true });
  if (runs.some(({ run }) => run === what)) return { run: what, service: null };
  const holding: string[] = [];
  for (const { run } of runs.filter(({ state }) => state === 'up' || state === 'healing')) {
    const { result } = await client.call('runs.get', { run });
    if (result?.services.some(({ name }) => name === what)) holding.push(run);
  }
  if (holding.length > 1)
    throw fail('USAGE', {
      met: `${what} is held up by ${holding.join(' and ')}`,
      fix: `give the run too: rr restart ${holding[0]} ${what}`,
    });
  // What is neither is refused as a run.
  return holding[0] === undefined ? { run: what, service: null } : { run: holding[0], service: what };
}

type Looked = Pick<Response<'runs.get'>, 'ended' | 'state' | 'steps'>;
/** A runtime that lives in a `rr run` leaves with the last of its runs: how that ended is on disk then. */
async function lookAt(client: Client, { state: folder }: Config, run: string): Promise<Looked> {
  try {
    return await client.call('runs.get', { run });
  } catch (error) {
    if ((error as { code?: string }).code !== 'RUNTIME_UNREACHABLE') throw error;
    const known = (await runsAtRest(folder, true)).find((one) => one.run === run);
    if (!known || !(await (await restingRun(folder, run)).ended())) throw error;
    return { ended: true, state: known.state, steps: [] };
  }
}

export async function stop({ config, json }: Globals, run: string): Promise<number> {
  const client = await reachOrFail(config);
  try {
    await client.call('runs.stop', { run });
    for (;;) {
      const { ended, state } = await lookAt(client, config, run);
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
