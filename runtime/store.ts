/** The checkpoint as data (FORMATS 2) and what a store of checkpoints must do. The code of stores is in checkpoints/. */
import type { AnyMachineSnapshot } from 'xstate';
import { z } from 'zod';
import type { Message } from './actor.js';
import type { Place } from './subjects.js';

/** Work owed to the world. */
export interface Effect {
  /** `<run>/<kind>/<id>/<epoch>.<turn>.<n>`. */
  id: string;
  type: string;
  params: unknown;
  causation: string | null;
}

export interface Checkpoint {
  format: 1;
  kind: string;
  id: string;
  run: string;
  /** Of the definition. */
  version: number;
  /** Rises at a restore or fork, never at a restart, so that new effects never bear old ids. */
  epoch: number;
  turn: number;
  state: { value: AnyMachineSnapshot['value']; context: unknown; status: AnyMachineSnapshot['status'] };
  owed: Effect[];
  /** Ended commands, kept until their deadline: a repeat gets the same fact without a second turn. */
  answers: Record<string, { fact: Message; until: number }>;
  /** Commands taken and not yet ended. */
  open: Record<string, { type: string; until: number }>;
  /** The message that set `context.dueAt`. */
  dueCausation: string | null;
  /**
   * The message taken in this turn: `id` of the command, or of the effect whose report it was; null for the runtime's own.
   * Absent in checkpoints of earlier programs.
   */
  cause?: { id: string | null; type: string } | null;
  /** ISO time of writing. */
  at: string;
}

/** Lenient in the state (the machine judges it), strict in the frame. */
export const CheckpointFrame = z.looseObject({
  format: z.literal(1),
  kind: z.string(),
  id: z.string(),
  run: z.string(),
  version: z.int(),
  epoch: z.int(),
  turn: z.int(),
  state: z.looseObject({
    value: z.union([z.string(), z.record(z.string(), z.unknown())]),
    context: z.unknown(),
    status: z.string(),
  }),
  owed: z.array(
    z.strictObject({ id: z.string(), type: z.string(), params: z.unknown(), causation: z.string().nullable() }),
  ),
  answers: z.record(z.string(), z.strictObject({ fact: z.looseObject({ type: z.string() }), until: z.number() })),
  open: z.record(z.string(), z.strictObject({ type: z.string(), until: z.number() })),
  dueCausation: z.string().nullable(),
  cause: z.strictObject({ id: z.string().nullable(), type: z.string() }).nullish(),
  at: z.string(),
});

/**
 * Contract: `save` resolves only when the checkpoint survives the loss of the process and, where `durable`, of power;
 * saves of one actor are applied in the order they were called. `load` gives the newest saved one, or null.
 * @throws CHECKPOINT_BROKEN from load, STATE_UNWRITABLE from save.
 */
export interface CheckpointStore {
  load(place: Place): Promise<Checkpoint | null>;
  save(checkpoint: Checkpoint, durable: boolean): Promise<void>;
  remove(place: Place): Promise<void>;
}

/** A fact or command on its way to the run's folder. */
export interface Line {
  id: string;
  at: string;
  from: string;
  type: string;
  payload: Record<string, unknown>;
  causation: string | null;
}
/**
 * The memory of a run: facts in commit order, and the hash-chained audit of its commands and decisions.
 * Contract: `append` is in order and drops ids it already holds; `sync` resolves when all appended is on disk.
 */
export interface Ledger {
  append(run: string, facts: Line[], audit: Line[]): void;
  sync(run: string): Promise<void>;
  close(): Promise<void>;
}
