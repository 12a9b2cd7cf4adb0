/**
 * The micro protocol of NATS: `$SRV.PING|INFO|STATS`, so that service discovery finds the front door. Written to the
 * published protocol (ADR-32), since the services module for this client is a pre-release that clashes with it.
 */
import { z } from 'zod';
import { USER } from '../../runtime/subjects.js';
import type { Wire } from '../../runtime/wire.js';
import { serviceName, type Verb, verbs } from './contract.js';

interface Counted {
  requests: number;
  errors: number;
  lastError: string;
  /** Nanoseconds. */
  time: number;
}
export interface Micro {
  count(verb: Verb, ms: number, error: string | null): void;
  close(): void;
}

/** @param id unique for this instance. */
export function openMicro(wire: Wire, id: string, version: string): Micro {
  const started = new Date().toISOString();
  const counts = new Map<Verb, Counted>(
    (Object.keys(verbs) as Verb[]).map((verb) => [verb, { requests: 0, errors: 0, lastError: '', time: 0 }]),
  );
  const identity = { name: serviceName, id, version, metadata: {} };
  const endpoint = (verb: Verb) => ({
    name: verb.replace('.', '-'),
    subject: `rr.api.${USER}.${verb}`,
    queue_group: '',
  });
  const answers: Record<string, () => object> = {
    PING: () => ({ type: 'io.nats.micro.v1.ping_response', ...identity }),
    INFO: () => ({
      type: 'io.nats.micro.v1.info_response',
      ...identity,
      description: 'Brings repositories up and proves that they answer',
      endpoints: (Object.keys(verbs) as Verb[]).map((verb) => ({
        ...endpoint(verb),
        metadata: {
          about: verbs[verb].about,
          request_schema: JSON.stringify(z.toJSONSchema(verbs[verb].request, { io: 'input' })),
          response_schema: JSON.stringify(z.toJSONSchema(verbs[verb].response)),
        },
      })),
    }),
    STATS: () => ({
      type: 'io.nats.micro.v1.stats_response',
      ...identity,
      started,
      endpoints: [...counts].map(([verb, { requests, errors, lastError, time }]) => ({
        ...endpoint(verb),
        num_requests: requests,
        num_errors: errors,
        last_error: lastError,
        processing_time: time,
        average_processing_time: requests === 0 ? 0 : Math.round(time / requests),
      })),
    }),
  };
  const ends = Object.entries(answers).flatMap(([word, answer]) =>
    [`$SRV.${word}`, `$SRV.${word}.${serviceName}`, `$SRV.${word}.${serviceName}.${id}`].map((subject) =>
      wire.subscribe(subject, ({ reply }) => {
        if (reply) wire.publish(reply, JSON.stringify(answer()));
      }),
    ),
  );
  return {
    count(verb, ms, error) {
      const counted = counts.get(verb)!;
      counted.requests += 1;
      counted.time += Math.round(ms * 1e6);
      if (error === null) return;
      counted.errors += 1;
      counted.lastError = error;
    },
    close() {
      for (const end of ends) end();
    },
  };
}
