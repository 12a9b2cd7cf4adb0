/** What the bus needs of a broker. The NATS one is below; tests drive another by a seed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { fail, type RunnerError } from './errors.js';
import { allFacts } from './subjects.js';

export interface WireMessage {
  subject: string;
  data: Uint8Array;
  reply: string | null;
  /** Nobody listens on the subject this was to be an answer from. */
  noResponders: boolean;
}
export interface Wire {
  publish(subject: string, data: string, reply?: string): void;
  /** As publish, with an id by which the fact stream drops repeats; its acknowledgement comes to `reply`. */
  publishFact(subject: string, data: string, id: string, reply: string): void;
  /** Answers a request with an error, also in the headers of the micro protocol. */
  publishError(subject: string, data: string, code: string, description: string): void;
  /** @returns a function that ends the subscription. */
  subscribe(subject: string, take: (message: WireMessage) => void): () => void;
  /** A subject prefix of this process alone. */
  readonly inbox: string;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const encoder = new TextEncoder();
const DRAIN_MS = 3_000;

/**
 * Where an answer may go: a client's inbox, or the one a server makes for a client of another account. Anywhere else it
 * would speak with our name: a command to an actor, a request to the stream.
 */
const isInbox = (reply: string): boolean => /^(_INBOX|_R_)\./.test(reply);

/** @param forged hears of a message that wants its answer elsewhere; it is taken by nobody, and answered nowhere. */
export function natsWire(
  nats: NatsConnection,
  inbox: string,
  forged: (error: RunnerError) => void = () => undefined,
): Wire {
  return {
    inbox,
    publish: (subject, data, reply) => nats.publish(subject, data, reply === undefined ? undefined : { reply }),
    publishFact(subject, data, id, reply) {
      const head = headers();
      head.set('Nats-Msg-Id', id);
      nats.publish(subject, encoder.encode(data), { reply, headers: head });
    },
    publishError(subject, data, code, description) {
      const head = headers();
      head.set('Nats-Service-Error-Code', code);
      head.set('Nats-Service-Error', description.replace(/[\r\n]+/g, ' '));
      nats.publish(subject, encoder.encode(data), { headers: head });
    },
    subscribe(subject, take) {
      const subscription = nats.subscribe(subject, {
        callback: (error, message: Msg) => {
          if (error) return; // a closed or denied subscription: the connection's own status tells it
          if (message.reply && !isInbox(message.reply))
            return forged(fail('REPLY_FORGED', { subject: message.subject, met: JSON.stringify(message.reply) }));
          take({
            subject: message.subject,
            data: message.data,
            reply: message.reply ?? null,
            noResponders: message.headers?.code === 503,
          });
        },
      });
      return () => subscription.unsubscribe();
    },
    flush: () => nats.flush(),
    async close() {
      if (nats.isClosed()) return;
      // A server that hangs never answers the drain: what is left unsent then is owed, and told again.
      await Promise.race([nats.drain(), sleep(DRAIN_MS, undefined, { ref: false })]);
    },
  };
}

/** Sees to it that the fact stream exists, bounded by age and bytes, oldest dropped. @throws BROKER_FAILED. */
export async function ensureStreams(nats: NatsConnection, url: string): Promise<void> {
  const wanted = {
    name: 'RR_FACTS',
    subjects: [allFacts],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_bytes: 256 * 1024 * 1024,
    max_age: 7 * 24 * 3600 * 1_000_000_000, // nanoseconds
    duplicate_window: 120 * 1_000_000_000,
  };
  const manager = await jetstreamManager(nats, { checkAPI: false });
  try {
    await manager.streams.add(wanted);
  } catch (first) {
    // It is there with other limits: those of its owner stand. Anything else is a broker without JetStream.
    await manager.streams.info(wanted.name).catch(() => {
      throw fail(
        'BROKER_FAILED',
        {
          reason: `${url} has no JetStream: ${(first as Error).message}`,
          log: 'its configuration: jetstream must be on',
        },
        first,
      );
    });
  }
}
