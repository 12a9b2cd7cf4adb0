/** The envelope every message travels in, and the answer to a command. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Message } from './actor.js';
import { type ErrorRecord, fail } from './errors.js';

/** The most forwards of one command. */
export const MOST_HOPS = 8;

export const Envelope = z.strictObject({
  v: z.literal(1),
  /** Unique; a repeat of the same command has the same one. */
  id: z.string().min(1).max(300),
  type: z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/),
  run: z.string().regex(/^[a-z0-9-]+$/),
  /** The sender's address, or a client's name. */
  from: z.string(),
  causation: z.string().nullable(),
  hop: z.int().min(1),
  /** Epoch ms after which nobody wants the answer. */
  deadline: z.number().nullable(),
  traceparent: z.string().nullable(),
  payload: z.record(z.string(), z.unknown()),
});
export type Envelope = z.infer<typeof Envelope>;

/** `accepted`: taken, the end comes later; ask again with the same id to hear it. */
export type Answer = { accepted: true } | { fact: Message } | { error: ErrorRecord };
const decoder = new TextDecoder();
export const textOf = (data: Uint8Array): string => decoder.decode(data);

/** An answer as it comes off the wire; null: it is none. By hand, since every answer comes this way. */
export function asAnswer(raw: unknown): Answer | null {
  if (raw === null || typeof raw !== 'object') return null;
  const { accepted, fact, error } = raw as { accepted?: unknown; fact?: unknown; error?: unknown };
  if (accepted === true) return { accepted };
  if (isRecord(fact) && typeof fact.type === 'string') return { fact: fact as Message };
  const isError = isRecord(error) && [error.code, error.message, error.fix].every((part) => typeof part === 'string');
  return isError ? { error: error as unknown as ErrorRecord } : null;
}
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Wraps a command. `id` defaults to a new one. */
export function envelop(
  command: Message,
  about: {
    run: string;
    from: string;
    id?: string;
    causation?: string | null;
    deadline?: number | null;
    hop?: number;
    traceparent?: string | null;
  },
): Envelope {
  const { type, ...payload } = command;
  return {
    v: 1,
    id: about.id ?? randomUUID(),
    type,
    run: about.run,
    from: about.from,
    causation: about.causation ?? null,
    hop: about.hop ?? 1,
    deadline: about.deadline ?? null,
    traceparent: about.traceparent ?? null,
    payload,
  };
}

/** Reads an envelope off the wire. @throws MESSAGE_INVALID, HOP_LIMIT. */
export function readEnvelope(data: Uint8Array | string): Envelope {
  let raw: unknown;
  try {
    raw = JSON.parse(typeof data === 'string' ? data : textOf(data));
  } catch (error) {
    throw fail('MESSAGE_INVALID', { reason: String((error as Error).message) }, error);
  }
  const envelope = parse(Envelope, raw);
  if (envelope.hop > MOST_HOPS) throw fail('HOP_LIMIT', { id: envelope.id, met: envelope.hop, wanted: MOST_HOPS });
  return envelope;
}

/** Parses with a contract. @throws MESSAGE_INVALID naming the field. */
export function parse<T>(schema: z.ZodType<T>, raw: unknown): T {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw fail('MESSAGE_INVALID', { reason: z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ') });
}
