/** Servers that this run has brought up and that end before it does: seen at once, and begun again where they were. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findKeeper } from '../../providers/process/client.js';
import { evidenceOf } from '../../providers/process/execute.js';
import { serviceKinds } from '../../providers/services/index.js';
import { readHolder } from '../../providers/services/lodging.js';
import type { EffectContext, Message, Perform } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { isAlive } from '../../runtime/identity.js';
import { beginAgain, NotStarted, reasonOf } from './bring-up.js';
import type { Fact, Revive, Watch } from './contract.js';
import { readEntries, type ServiceEntry, writeEntries } from './entries.js';

/** What is set up anew is not down. */
const LOOK_MS = 200;
const told = (fact: Fact): Message => ({ type: 'told', fact }) as Message;

export const watch: Perform<Watch> = async ({ except }, context): Promise<Message> => {
  const mine = readEntries(context.bundle).filter(({ kind, wish }) => wish !== undefined && !except.includes(kind));
  if (mine.length === 0) return told({ type: 'database.unwatched' });
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  try {
    const first = await Promise.race(mine.map((entry) => endOf(entry, { ...context, signal })));
    return told({ type: 'database.fell', ...first });
  } finally {
    ending.abort();
  }
};

/** Waits until a server is down, whichever of its processes it is by then. */
async function endOf(
  { kind, serve }: ServiceEntry,
  { bundle, run, signal }: Pick<EffectContext, 'bundle' | 'run' | 'signal'>,
): Promise<{ kind: string; reason: string }> {
  for (;;) {
    const holder = readHolder(serve.cwd);
    if (holder === null || holder.run !== run) return { kind, reason: 'its data is held by another run' };
    const reason = holder.app === null ? null : await exitOf(holder.app);
    const after = readHolder(serve.cwd);
    // Not while a step sets it up, or when one has begun it anew.
    if (after !== null && after.app === holder.app && !isAlive(after))
      return { kind, reason: reason ?? 'it has ended' };
    await sleep(LOOK_MS, undefined, { signal });
  }
  async function exitOf(app: string): Promise<string> {
    const keeper = await findKeeper({ bundle, run });
    if (keeper === null) return 'its keeper has ended';
    try {
      const exit = await keeper.exited(app, signal);
      const log = (await keeper.list()).find(({ id }) => id === app)?.log;
      if (exit.signal !== null) return `it was ended by ${exit.signal}`;
      return log === undefined ? `it ended with ${exit.code}` : reasonOf(evidenceOf(kind, exit, log));
    } catch (error) {
      if (signal.aborted) throw error;
      return 'its keeper has ended'; // and another is there, which knows nothing of it
    } finally {
      keeper.close();
    }
  }
}

export const revive: Perform<Revive> = async ({ kind, inMs }, context): Promise<Message> => {
  await sleep(inMs, undefined, { signal: context.signal });
  const entry = readEntries(context.bundle).find((one) => one.kind === kind);
  const known = serviceKinds[kind];
  if (entry?.wish === undefined || known === undefined)
    throw fail('SERVICE_NOT_STARTED', { service: kind, reason: 'this run has none' });
  const { serve, wish, image = null } = entry;
  try {
    const up = await beginAgain(
      { kind: known, wish, image, at: { host: serve.host, port: serve.port } },
      serve.cwd,
      context,
    );
    writeEntries(context.bundle, [{ ...entry, serve: { ...serve, ...up.serve } }]);
    return told({ type: 'database.revived', kind, port: up.running.port });
  } catch (error) {
    if (error instanceof NotStarted)
      return told({ type: 'database.failed', error: error.record, evidence: error.evidence });
    throw error;
  }
};
