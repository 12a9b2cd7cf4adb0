/** The envelope every message travels in, and the answer to a command. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Message } from './actor.js';
import { type ErrorRecord, fail } from './errors.js';

/** The most forwards of one command: workflows that do workflows take two for each level. */
export const MOST_HOPS = 32;
/** The most bytes of a message. A broker takes a little more unless it was told otherwise, and cuts off who sends that. */
export const MOST_BYTES = 1_000_000;
/** How far the sender's clock may be ahead of ours. */
export const MOST_AHEAD_MS = 5 * 60_000;
/** What is nested deeper could be read, but not be written down again: that overflows the stack. */
const MOST_DEPTH = 200;
const VERSION = 1;

export const Envelope = z.strictObject({
  v: z.literal(VERSION),
  /** Unique; a repeat of the same command has the same one. */
  id: z.string().min(1).max(300),
  type: z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/),
  run: z.string().regex(/^[a-z0-9-]+$/),
  /** The sender's address, or a client's name. */
  from: z.string(),
  causation: z.string().nullable(),
  hop: z.int().min(1),
  /** Epoch ms at which it was sent, by the sender's clock. */
  at: z.number().optional(),
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
    at?: number;
    deadline?: number | null;
    hop?: number;
    traceparent?: string | null;
  },
): Envelope {
  const { type, ...payload } = command;
  return {
    v: VERSION,
    id: about.id ?? randomUUID(),
    type,
    run: about.run,
    from: about.from,
    causation: about.causation ?? null,
    hop: about.hop ?? 1,
    ...(about.at === undefined ? {} : { at: about.at }),
    deadline: about.deadline ?? null,
    traceparent: about.traceparent ?? null,
    payload,
  };
}

/**
 * Reads an envelope off the wire.
 * @param now epoch ms.
 * @throws MESSAGE_LARGE, MESSAGE_NOT_JSON, MESSAGE_VERSION, MESSAGE_INVALID, MESSAGE_AHEAD, HOP_LIMIT.
 */
export function readEnvelope(data: Uint8Array, now: number): Envelope {
  const raw = readJson(data);
  const met = (raw as { v?: unknown } | null)?.v;
  if (met !== undefined && met !== VERSION)
    throw fail('MESSAGE_VERSION', { met: JSON.stringify(met), wanted: VERSION });
  const envelope = parse(Envelope, raw);
  const ahead = (envelope.at ?? now) - now;
  if (ahead > MOST_AHEAD_MS)
    throw fail('MESSAGE_AHEAD', { id: envelope.id, met: Math.round(ahead / 1_000), wanted: MOST_AHEAD_MS / 1_000 });
  checkHops(envelope);
  return envelope;
}

/** @throws HOP_LIMIT when a command has been handed on too often. */
export function checkHops({ id, hop }: Envelope): void {
  if (hop > MOST_HOPS) throw fail('HOP_LIMIT', { id, met: hop, wanted: MOST_HOPS });
}

/** Reads JSON that somebody sent. @throws MESSAGE_LARGE, MESSAGE_NOT_JSON, MESSAGE_INVALID for what is nested too deep. */
export function readJson(data: Uint8Array): unknown {
  if (data.byteLength > MOST_BYTES) throw fail('MESSAGE_LARGE', { met: data.byteLength, wanted: MOST_BYTES });
  const text = textOf(data);
  if (text.length > 2 * MOST_DEPTH && depthOf(text) > MOST_DEPTH)
    throw fail('MESSAGE_INVALID', { reason: `it is nested deeper than ${MOST_DEPTH}` });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail('MESSAGE_NOT_JSON', { reason: (error as Error).message.replace(/\s+/g, ' ') }, error);
  }
}
/** How deep a JSON text is nested. */
function depthOf(text: string): number {
  let [depth, deepest, isQuoted] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) isQuoted = !isQuoted;
    else if (isQuoted) {
      if (code === 0x5c) at += 1;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return deepest;
}

/** Parses with a contract. @throws MESSAGE_INVALID naming the field. */
export function parse<T>(schema: z.ZodType<T>, raw: unknown): T {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw fail('MESSAGE_INVALID', { reason: z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ') });
}
