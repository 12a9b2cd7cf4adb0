/** `rr status`: how the applications that a run holds up are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from '../../../actors/front-door/contract.js';
import { fail } from '../../../runtime/errors.js';
import { reachOrFail } from '../connect.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';
import { paints } from '../paint.js';

type Status = Response<'runs.status'>;
const AGAIN_MS = 2_000;
const SHOWN_ERRORS = 3;

/** @param run default: the only one that is up. */
export async function status(
  { config, json }: Globals,
  run: string | undefined,
  { watch }: { watch: boolean },
): Promise<number> {
  const client = await reachOrFail(config);
  let stopped = false;
  const stop = (): void => {
    stopped = true;
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    for (;;) {
      const { runs } = run === undefined ? await client.call('runs.list', {}) : { runs: [] };
      const up = runs.filter(({ state }) => state === 'up' || state === 'healing').map((one) => one.run);
      const wanted = run === undefined ? up : [run];
      if (wanted.length === 0 && !watch)
        throw fail('USAGE', { met: 'no run holds anything up', fix: 'rr ps --all shows those there were' });
      const all = await Promise.all(wanted.map((one) => client.call('runs.status', { run: one })));
      if (json) for (const one of all) process.stdout.write(`${JSON.stringify({ type: 'status', ...one })}\n`);
      else {
        if (watch && process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
        process.stdout.write(`${harmless(all.flatMap(lines).join('\n'))}\n`);
      }
      const isWell = all.every(
        ({ services, servers }) =>
          services.every(({ well, up: held }) => well && held) && servers.every((one) => one.up),
      );
      if (!watch || stopped) return isWell ? codes.ok : codes.failed;
      for (let waited = 0; waited < AGAIN_MS && !stopped; waited += 100) await sleep(100);
      if (stopped) return codes.ok;
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await client.close();
  }
}

function lines({ run, state, services, servers, healing }: Status): string[] {
  const { bold, dim, green, red, yellow } = paints(process.stdout.isTTY === true && !process.env.NO_COLOR);
  return [
    `${bold(run)}  ${healing ? yellow(state) : state}`,
    ...services.flatMap((one) => {
      const { service, url, up, rising, well, since, latencyMs, last, restarts, heals, downMs, errors, healing } = one;
      const word = healing
        ? yellow('healing')
        : rising
          ? yellow('starting again')
          : !up
            ? red('ended')
            : well
              ? green('well')
              : red('unwell');
      const cause =
        healing?.after != null
          ? `its turn comes after ${healing.after}`
          : healing?.rule == null
            ? 'a repair is sought'
            : `${healing.rule}: ${healing.cause}`;
      const facts = [
        up && !healing && `for ${span(Date.now() - since)}`,
        up && latencyMs && `p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms`,
        up && last && `${Math.round(last.memoryBytes / 2 ** 20)} MB, ${Math.round(last.cpus * 100)} % of a processor`,
        up && last && `${last.processes} ${last.processes === 1 ? 'process' : 'processes'}`,
        restarts > 0 && `started again ${times(restarts)}`,
        heals > 0 && `repaired ${times(heals)}`,
        downMs > 0 && `was down for ${span(downMs)}`,
      ].filter(Boolean);
      return [
        healing
          ? `  ${service.padEnd(12)} ${word} at ${healing.step} for ${span(Date.now() - healing.since)}: ${healing.reason}`
          : `  ${service.padEnd(12)} ${word}  ${url ?? ''}`,
        ...(healing ? [`               ${dim(cause)}`] : []),
        ...(facts.length > 0 ? [`               ${dim(facts.join(' · '))}`] : []),
        ...errors
          .slice(0, SHOWN_ERRORS)
          .map(({ line, count }) => dim(`               ${count} × ${line.slice(0, 100)}`)),
      ];
    }),
    ...servers.map(({ kind, host, port, up, restarts, lost }) => {
      const word = lost ? red('lost ') : up ? green('up   ') : red('down ');
      const again = restarts > 0 ? dim(`  begun again ${restarts} ${restarts === 1 ? 'time' : 'times'}`) : '';
      return `  ${kind.padEnd(12)} ${word} ${host}:${port}${again}`;
    }),
  ];
}
const times = (n: number): string => (n === 1 ? 'once' : `${n} times`);
const span = (ms: number): string =>
  ms < 60_000
    ? `${Math.max(0, Math.round(ms / 1_000))} s`
    : ms < 3_600_000
      ? `${Math.round(ms / 60_000)} min`
      : `${(ms / 3_600_000).toFixed(1)} h`;
