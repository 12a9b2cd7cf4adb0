/**
 * Sees to it that a private broker comes back. Its keeper starts a server that died again; but who starts the keeper,
 * when that died with it? Whoever still needs the broker: the runtime, as soon as its connection is gone. Any number of
 * processes may do so at once, the folder's lock lets one keeper stay.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Config } from '../config.js';
import { type ErrorRecord, fail, toRecord } from '../errors.js';
import { type Broker, openBroker } from './start.js';

/** A keeper that lives needs less for a new server. */
const PATIENCE_MS = 750;
const AGAIN_MS = 1_000;

/**
 * @param note what could not be done, for the log.
 * @param lost the broker is back where this connection will not find it, since its port was taken meanwhile.
 */
export async function mendBroker(
  nats: NatsConnection,
  config: Config,
  broker: Broker,
  note: (error: ErrorRecord) => void,
  lost: (error: unknown) => void,
): Promise<void> {
  if (!broker.private) return;
  let away = false;
  let mending = false;
  const mend = async (): Promise<void> => {
    mending = true;
    for (await sleep(PATIENCE_MS); away && !nats.isClosed(); await sleep(AGAIN_MS))
      try {
        const { url } = await openBroker(config, () => undefined);
        if (url !== broker.url)
          lost(
            fail('BROKER_FAILED', { reason: `it came back at ${url}, wanted ${broker.url}`, log: 'its keeper.log' }),
          );
      } catch (error) {
        note(toRecord(error));
      }
    mending = false;
  };
  for await (const { type } of nats.status()) {
    if (type === 'disconnect') away = true;
    if (type === 'reconnect') away = false;
    if (away && !mending) void mend();
  }
}
