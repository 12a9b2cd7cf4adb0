/** A client's line to a runtime: the front door over NATS, nothing else. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { type Request, type Response, serviceName, type Verb, verbs } from '../../actors/front-door/contract.js';
import { type Broker, connectOptions, findBroker } from '../../runtime/broker/start.js';
import { revive } from '../../runtime/bus.js';
import type { Config } from '../../runtime/config.js';
import { fail } from '../../runtime/errors.js';
import { USER } from '../../runtime/subjects.js';

export interface Told {
  id: string;
  from: string;
  type: string;
  at: string;
  payload: Record<string, unknown>;
}
export interface Client {
  /** @param withinMs how long an answer is waited for; what may be asked twice is asked again meanwhile. */
  call<V extends Verb>(verb: V, request: Partial<Request<V>>, withinMs?: number): Promise<Response<V>>;
  /** Whether a runtime is there. */
  answers(): Promise<boolean>;
  /** Hears the facts of all runs of this user. */
  facts(hear: (fact: Told) => void): void;
  /** Hears when the broker goes away and when it is back; the connection is made again by itself. */
  line(hear: (isThere: boolean) => void): void;
  close(): Promise<void>;
}
const CALL_MS = 35_000;
/** What may be asked twice is asked again: the broker may be started anew meanwhile, and a request was lost. */
const AGAIN_AFTER_MS = 5_000;
const PAUSE_MS = 250;
const PING_MS = 400;
const CLOSE_MS = 2_000;

/** Connects to a broker. @throws BROKER_UNREACHABLE */
export async function clientOf(broker: Broker): Promise<Client> {
  const nats: NatsConnection = await connect({
    ...connectOptions(broker),
    name: 'rr cli',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    timeout: 3_000,
  }).catch((error: Error) => {
    throw fail('BROKER_UNREACHABLE', { url: broker.url, reason: error.message }, error);
  });
  return {
    answers: () =>
      nats.request(`$SRV.PING.${serviceName}`, '', { timeout: PING_MS }).then(
        () => true,
        () => false,
      ),
    async call(verb, request, withinMs = CALL_MS) {
      const until = Date.now() + withinMs;
      const timeout = verbs[verb].repeatable ? Math.min(AGAIN_AFTER_MS, withinMs) : withinMs;
      const ask = async () => {
        for (;;)
          try {
            const left = Math.max(1, Math.min(timeout, until - Date.now()));
            return await nats.request(`rr.api.${USER}.${verb}`, JSON.stringify(request), { timeout: left });
          } catch (error) {
            if (nats.isClosed() || !verbs[verb].repeatable || Date.now() + PAUSE_MS >= until)
              throw fail('RUNTIME_UNREACHABLE', { url: broker.url }, error);
            await sleep(PAUSE_MS);
          }
      };
      const answer = await ask();
      const body = answer.json() as { error?: { code: string; message: string; fix: string } };
      if (body.error) throw revive(body.error);
      return body as never;
    },
    facts(hear) {
      nats.subscribe(`rr.view.${USER}.>`, {
        callback: (error, message) => (error ? undefined : hear(message.json() as Told)),
      });
    },
    line(hear) {
      void (async () => {
        let isThere = true;
        for await (const { type } of nats.status()) {
          if ((type !== 'disconnect' && type !== 'reconnect') || isThere === (type === 'reconnect')) continue;
          isThere = type === 'reconnect';
          hear(isThere);
        }
      })();
    },
    async close() {
      if (nats.isClosed()) return;
      // A server that hangs would be waited for without end; and until then nothing else may hold the process.
      const late = new AbortController();
      const limit = sleep(CLOSE_MS, undefined, { signal: late.signal }).catch(() => undefined);
      await Promise.race([nats.close(), limit]);
      late.abort();
    },
  };
}

/** Where the runtime of this host writes what it does. */
export const hostLog = ({ state, host }: Config): string => join(state, 'hosts', host, 'host.log');

/** A client of a runtime that is up already, or null. */
export async function reach(config: Config): Promise<Client | null> {
  const broker = await findBroker(config);
  if (!broker) return null;
  const client = await clientOf(broker);
  if (await client.answers()) return client;
  await client.close();
  return null;
}

/** @throws RUNTIME_UNREACHABLE */
export async function reachOrFail(config: Config): Promise<Client> {
  const client = await reach(config);
  if (!client) throw fail('RUNTIME_UNREACHABLE', { url: config.natsUrl ?? config.state });
  return client;
}
