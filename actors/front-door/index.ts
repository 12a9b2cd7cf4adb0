/**
 * The front door: clients in any language ask here, in JSON, and hear JSON. Who calls is the subject's user token,
 * which the broker's permissions guard; never the body. Reading asks nobody: it looks at committed state.
 */
import { randomBytes } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Bus } from '../../runtime/bus.js';
import type { Clock } from '../../runtime/clock.js';
import type { Config } from '../../runtime/config.js';
import { fail, toRecord } from '../../runtime/errors.js';
import type { Log } from '../../runtime/log.js';
import { parse, readJson } from '../../runtime/message.js';
import type { Store } from '../../runtime/store.js';
import { apiOf, callOf, USER } from '../../runtime/subjects.js';
import type { System } from '../../runtime/system.js';
import type { Registry } from '../../workflows/registry.js';
import { adminHandlers } from './admin.js';
import type { Around, Handlers, Life } from './around.js';
import { checkpointHandlers } from './checkpoints.js';
import { type Verb, verbs } from './contract.js';
import { databaseHandlers } from './databases.js';
import { fixHandlers } from './fixes.js';
import { openMicro } from './micro.js';
import { opsHandlers } from './ops.js';
import { quarantineHandlers } from './quarantine.js';
import { openQueue } from './queue.js';
import { runHandlers } from './runs.js';
import { workflowHandlers } from './workflows.js';

const PATIENCE_MS = 30_000;

export function openFrontDoor({
  bus,
  system,
  store,
  config,
  workflows,
  clock,
  definitions,
  customs,
  version,
  life,
  nats,
  log,
}: {
  bus: Bus;
  system: System;
  store: Store;
  config: Config;
  workflows: Registry;
  clock: Clock;
  definitions: Around['definitions'];
  customs: Around['customs'];
  version: string;
  life: Life;
  nats: NatsConnection;
  log: Log;
}) {
  const micro = openMicro(bus.wire, `${config.host}-${randomBytes(4).toString('hex')}`, version);
  const ask: Around['ask'] = (to, command, id) =>
    bus.ask(to, command, { deadlineAt: clock.now() + PATIENCE_MS, from: 'front-door', ...(id ? { id } : {}) });
  const around: Around = { life, bus, system, store, config, workflows, clock, definitions, customs, ask };
  const handlers: Handlers<Verb> = {
    ...runHandlers(around),
    ...workflowHandlers(around),
    ...checkpointHandlers(around),
    ...adminHandlers(around),
    ...quarantineHandlers(around),
    ...fixHandlers(around),
    ...databaseHandlers(around),
    ...opsHandlers(around, version),
  };

  const end = bus.wire.subscribe(apiOf(USER, '*', '*'), ({ subject, data, reply }) => {
    const call = callOf(subject);
    const verb = `${call?.service}.${call?.verb}` as Verb;
    const began = performance.now();
    const respond = (answer: object, error: { code: string; message: string } | null): void => {
      if (verb in handlers) micro.count(verb, performance.now() - began, error && `${error.code}: ${error.message}`);
      if (!reply) return;
      if (error) bus.wire.publishError(reply, JSON.stringify(answer), error.code, error.message);
      else bus.wire.publish(reply, JSON.stringify(answer));
    };
    const refuse = (thrown: unknown): void => {
      const error = toRecord(thrown);
      respond({ error }, error);
    };
    try {
      if (!call || !(verb in handlers))
        throw fail('USAGE', { met: `nobody serves ${subject}`, fix: `ask one of ${Object.keys(verbs).join(', ')}` });
      const request = parse(verbs[verb].request as never, data.byteLength === 0 ? {} : readJson(data));
      (handlers[verb] as (request: never, user: string) => Promise<object>)(request as never, call.user).then(
        (answer) => respond(answer, null),
        refuse,
      );
    } catch (error) {
      refuse(error);
    }
  });
  const queue = openQueue(
    nats,
    life,
    async (raw) => handlers['jobs.submit'](parse(verbs['jobs.submit'].request, raw), USER),
    (what, error) => log.warn({ error }, what),
  );
  return {
    close() {
      end();
      queue.close();
      micro.close();
    },
  };
}
