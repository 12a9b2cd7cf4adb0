/**
 * The queue of jobs, for clients that do not wait: what is published on `rr.queue.jobs` is kept by the stream RR_JOBS
 * until a runtime takes it, also while none is up.
 *
 * A job is acknowledged to the stream only when it is on disk here, as one that `jobs.submit` answers; from then on its
 * run owns it, and nothing of it is lost with the broker. It bears the id of its run, so one that is delivered twice is
 * one run. One that could not be taken five times goes to RR_DEAD, with the reason. A broker that lost its store has
 * lost what nobody had taken yet, and gets both streams again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type ErrorRecord, fail, toRecord } from '../../runtime/errors.js';
import { readJson } from '../../runtime/message.js';
import { deadJobs, queuedJobs } from '../../runtime/subjects.js';
import type { Life } from './around.js';

export const TRIES = 5;
const FIRST_PAUSE_MS = 200;
/** The most that a job may take to be on disk; then the stream gives it again. */
const TAKEN_MS = 60_000;
const PULL_MS = 30_000;
const AGAIN_MS = 1_000;
const AGAIN_AT_MOST_MS = 30_000;
const LOOK_MS = 250;
const SECOND_NS = 1_000_000_000;
const DEAD_TEXT = 2_000;

const streams = [
  {
    name: 'RR_JOBS',
    subjects: [queuedJobs],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    max_bytes: 64 * 1024 * 1024,
    discard: DiscardPolicy.New, // a full queue is told to who publishes
  },
  {
    name: 'RR_DEAD',
    subjects: [deadJobs],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_bytes: 16 * 1024 * 1024,
    max_age: 30 * 24 * 3600 * SECOND_NS,
  },
];

/**
 * Takes jobs off the queue until `close`.
 * @param take as `jobs.submit`: resolves when the job is on disk.
 * @param note what does not work, for the log.
 */
export function openQueue(
  nats: NatsConnection,
  life: Life,
  take: (raw: unknown) => Promise<{ run: string }>,
  note: (what: string, error: ErrorRecord) => void,
): { close(): void } {
  let closed = false;
  const over = (): boolean => closed || nats.isClosed();

  let onReconnect = (): void => undefined;
  const reconnected = (): Promise<void> =>
    new Promise((resolve) => {
      onReconnect = resolve;
    });
  void (async () => {
    for await (const { type } of nats.status()) if (type === 'reconnect') onReconnect();
  })();
  const consumer = async (): Promise<Consumer> => {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    for (const stream of streams)
      await manager.streams.add(stream).catch(async (error: unknown) => {
        // It is there with other limits: those of its owner stand.
        await manager.streams.info(stream.name).catch(() => Promise.reject(error));
      });
    await manager.consumers.add('RR_JOBS', {
      durable_name: 'orchestrator',
      ack_policy: AckPolicy.Explicit,
      ack_wait: (TAKEN_MS / 1_000) * SECOND_NS,
    });
    return jetstream(nats).consumers.get('RR_JOBS', 'orchestrator');
  };
  const bury = async (message: JsMsg, error: ErrorRecord): Promise<void> => {
    const { deliveryCount: tries } = message.info;
    const dead = { at: new Date().toISOString(), tries, error, job: withoutEnv(message.string()) };
    await jetstream(nats).publish(deadJobs, JSON.stringify(dead));
    message.term();
    note('a queued job could not be taken', error);
  };
  const handle = async (message: JsMsg): Promise<void> => {
    const tries = message.info.deliveryCount;
    try {
      await take(jobIn(message.data));
      message.ack();
    } catch (thrown) {
      const error = toRecord(thrown);
      if (error.code !== 'DRAINING' && tries >= TRIES) await bury(message, error);
      else message.nak(FIRST_PAUSE_MS * 2 ** Math.min(tries, TRIES));
    }
  };

  void (async () => {
    let queue: Consumer | null = null;
    for (let pauseMs = AGAIN_MS; !over(); )
      try {
        if (life.draining) {
          await sleep(LOOK_MS, undefined, { ref: false });
          continue;
        }
        queue ??= await consumer();
        const pulled = queue.next({ expires: PULL_MS }).then((message) => message && handle(message));
        pulled.catch(() => undefined); // it is heard of below, or its connection is gone
        const again = await Promise.race([pulled.then(() => false), reconnected().then(() => true)]);
        if (again) queue = null; // its question went with the connection, and maybe the stream
        pauseMs = AGAIN_MS;
      } catch (error) {
        queue = null; // the broker is away, or has lost its store: made again
        if (over()) break;
        note('the queue of jobs', toRecord(error));
        await sleep(pauseMs, undefined, { ref: false });
        pauseMs = Math.min(pauseMs * 2, AGAIN_AT_MOST_MS);
      }
  })();
  return {
    close() {
      closed = true;
    },
  };
}

/** @throws MESSAGE_NOT_JSON, MESSAGE_LARGE; USAGE for a job without an id. */
function jobIn(data: Uint8Array): unknown {
  const job = readJson(data);
  if (typeof (job as { run?: unknown } | null)?.run !== 'string')
    throw fail('USAGE', { met: 'a queued job has no run', fix: 'give it an id of your own making, run' });
  return job;
}

/** What is given for the application alone is told nowhere. */
function withoutEnv(text: string): unknown {
  try {
    const { env: _, ...job } = JSON.parse(text) as Record<string, unknown>;
    return job;
  } catch {
    return text.slice(0, DEAD_TEXT); // no JSON: that is why it is here
  }
}
