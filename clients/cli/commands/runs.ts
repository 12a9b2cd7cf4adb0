/** `rr submit`, `ps`, `logs`, `stop`: everything about runs of a runtime that is up. */
import { reachOrFail } from '../connect.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { type JobOptions, request } from './run.js';

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
  const client = await reachOrFail(config);
  try {
    const { runs } = await client.call('runs.list', { all });
    for (const run of runs)
      print(
        json
          ? JSON.stringify({ type: 'run', ...run })
          : `${run.run}  ${run.state.padEnd(12)}  ${run.url ?? '-'}  ${run.source}`,
      );
    if (runs.length === 0 && !json) print(all ? 'no runs' : 'no open runs (--all shows ended ones)');
    return codes.ok;
  } finally {
    await client.close();
  }
}

export async function logs({ config, json }: Globals, run: string, { lines }: { lines: number }): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const { logs: all } = await client.call('runs.logs', { run, lines });
    for (const { name, lines: some } of all)
      for (const line of some)
        print(
          json ? JSON.stringify({ type: 'log', name, line }) : all.length > 1 ? `${name.padEnd(16)} ${line}` : line,
        );
    return codes.ok;
  } finally {
    await client.close();
  }
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
      await new Promise((resolve) => setTimeout(resolve, 100));
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
