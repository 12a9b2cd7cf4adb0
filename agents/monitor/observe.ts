/**
 * Looks at an application at intervals, under all that runs: one GET, the weight of its processes, the new lines of its log.
 * What is seen is in `health/<service>.json` of the run's folder, written whole each time; nothing of it crosses the bus
 * but the moment when it is well no more, or again. Safe to repeat: it only reads, and goes on from that file.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnd, readOn } from '../../providers/process/follow.js';
import { familyOf } from '../../providers/process/processes.js';
import { memoryOf } from '../../providers/process/weigh.js';
import type { EffectContext } from '../../runtime/actor.js';
import { type Examine, type Fact, type Sample, Status, type Watch } from './contract.js';
import { countErrors, isWell, KEPT, latencyOf, turned } from './tell.js';

const ANSWER_MS = 5_000;
const READ_BYTES = 256 * 1024;
/** Told of what came before a fall. */
const LINES = 100;

export const statusFile = (bundle: string, service: string): string =>
  join(bundle, 'health', `${service.replaceAll('/', '-')}.json`);
/** @returns null when it has not been looked at yet. */
export function readStatus(bundle: string, service: string): Status | null {
  try {
    return Status.parse(JSON.parse(readFileSync(statusFile(bundle, service), 'utf8')));
  } catch {
    return null; // not yet, or of another program: it is written anew
  }
}
function writeStatus(bundle: string, status: Status): void {
  const path = statusFile(bundle, status.service);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(status)}\n`);
  renameSync(`${path}.new`, path);
}

const logOf = (bundle: string, service: string): string => join(bundle, 'logs', `${service}.log`.replaceAll('/', '-'));

/** What an application had printed since it was last seen well, how heavy it was, and how it answers now. Only reads. */
export async function examine(
  { service, url, proven }: Examine,
  { bundle, signal }: Pick<EffectContext, 'bundle' | 'signal'>,
): Promise<Fact> {
  const status = readStatus(bundle, service);
  const log = logOf(bundle, service);
  const since = status?.wellAt ? readOn(log, status.wellAt, READ_BYTES, true) : null;
  // Of very much that was printed the end says most.
  const { lines } = since && !since.more && !since.missed ? since : readEnd(log, LINES, READ_BYTES, true);
  return {
    type: 'monitor.examined',
    service,
    lines: lines.slice(-LINES),
    memoryBytes: status?.samples.at(-1)?.memoryBytes ?? null,
    well: url === null ? null : isWell((await ask(url, signal)).status, proven),
  };
}

/** @returns the turn it took; that it has ended, when none of its processes is there any more. */
export async function observe(
  watch: Watch,
  {
    run,
    bundle,
    config,
    clock,
    signal,
    log: told,
  }: Pick<EffectContext, 'run' | 'bundle' | 'config' | 'clock' | 'signal' | 'log'>,
): Promise<Fact> {
  const { service, app, pid, url, proven } = watch;
  const log = logOf(bundle, service);
  const before = readStatus(bundle, service);
  let status: Status = {
    ...{ format: 1, service, url, well: watch.well, since: watch.since, latencyMs: null },
    ...{ errors: before?.errors ?? [], downMs: before?.downMs ?? 0, samples: before?.samples ?? [] },
    logAt: before?.logAt ?? null,
    wellAt: before?.wellAt ?? null,
  };
  const save = (): void => {
    try {
      writeStatus(bundle, status);
    } catch (error) {
      // A disk that is full has other tellers; what was seen is written with the next look that finds room.
      told.warn({ service, error: String(error) }, 'what was seen is not written');
    }
  };
  // It may just have been proven again, and what was seen of it before is no more so.
  if (before && before.since !== watch.since) save();
  let last: { at: number; cpuSeconds: number } | null = null;
  let looks: Sample[] = [];
  for (;;) {
    await sleep(config.watchMs, undefined, { signal });
    const answer = url === null ? null : await ask(url, signal);
    const at = clock.now();
    const family = familyOf({ pid: pid ?? 0, group: pid ?? 0, run, id: app });
    if (family.length === 0) return { type: 'monitor.ended', service };
    const cpuSeconds = family.reduce((sum, one) => sum + one.cpuSeconds, 0);
    const spent = last && at > last.at ? Math.max(0, cpuSeconds - last.cpuSeconds) / ((at - last.at) / 1_000) : 0;
    last = { at, cpuSeconds };
    const piece = readOn(log, status.logAt, READ_BYTES, false);
    const sample: Sample = {
      at,
      well: answer === null || isWell(answer.status, proven),
      status: answer?.status ?? null,
      ms: answer?.ms ?? null,
      memoryBytes: memoryOf(family.map((one) => one.pid)),
      cpus: Math.round(spent * 1_000) / 1_000,
      processes: family.length,
    };
    looks = [...looks, sample].slice(-KEPT);
    const samples = [...status.samples, sample].slice(-KEPT);
    const errors = countErrors(status.errors, piece.lines, at);
    const turn = turned(watch.well, looks);
    const downMs = status.downMs + (turn && !watch.well ? turn.since - watch.since : 0);
    status = { ...status, samples, errors, latencyMs: latencyOf(samples), downMs, logAt: piece.at };
    if (sample.well) status = { ...status, wellAt: piece.at };
    if (turn) status = { ...status, well: !watch.well, since: turn.since };
    save();
    const isSteady = watch.well && sample.well && at - watch.since >= config.steadyMs;
    if (!turn && isSteady && !watch.steady) return { type: 'monitor.steady', service, since: watch.since };
    if (!turn) continue;
    if (!watch.well) return { type: 'monitor.recovered', service, downMs: turn.since - watch.since, since: turn.since };
    const reason = answer?.status ? `${url} answers ${answer.status}` : `${url} does not answer`;
    return { type: 'monitor.fell', service, reason, since: turn.since };
  }
}

async function ask(url: string, signal: AbortSignal): Promise<{ status: number | null; ms: number | null }> {
  const began = performance.now();
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const response = await fetch(url, { redirect: 'manual', signal: limit, headers: { 'user-agent': 'repo-runner' } });
    await response.arrayBuffer();
    return { status: response.status, ms: Math.round((performance.now() - began) * 10) / 10 };
  } catch (error) {
    if (signal.aborted) throw error;
    return { status: null, ms: null };
  }
}
