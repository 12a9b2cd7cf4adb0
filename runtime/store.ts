/** The checkpoint as data (FORMATS 2) and what a store of checkpoints must do. The code of stores is in checkpoints/. */
import type { AnyMachineSnapshot } from 'xstate';
import { z } from 'zod';
import type { Message } from './actor.js';
import type { ErrorRecord } from './errors.js';
import type { Place } from './subjects.js';

/** Work owed to the world. */
export interface Effect {
  /** `<run>/<kind>/<id>/<epoch>.<turn>.<n>`. */
  id: string;
  type: string;
  params: unknown;
  causation: string | null;
  /** How often the command that led here was handed on; absent: none did. */
  hop?: number;
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
  epoch: z.int().min(0),
  turn: z.int().min(0),
  state: z.looseObject({
    value: z.union([z.string(), z.record(z.string(), z.unknown())]),
    context: z.unknown(),
    status: z.string(),
  }),
  owed: z.array(
    z.strictObject({
      id: z.string(),
      type: z.string(),
      params: z.unknown(),
      causation: z.string().nullable(),
      hop: z.int().optional(),
    }),
  ),
  answers: z.record(z.string(), z.strictObject({ fact: z.looseObject({ type: z.string() }), until: z.number() })),
  open: z.record(z.string(), z.strictObject({ type: z.string(), until: z.number() })),
  dueCausation: z.string().nullable(),
  cause: z.strictObject({ id: z.string().nullable(), type: z.string() }).nullish(),
  at: z.string(),
});

/** A fact or command on its way to the run's folder. */
export interface Line {
  id: string;
  at: string;
  from: string;
  type: string;
  payload: Record<string, unknown>;
  causation: string | null;
}
/** What one turn makes durable: all of it or nothing. */
export interface Turn {
  checkpoint: Checkpoint;
  /** For the run's `facts.ndjson`, in this order. */
  facts: readonly Line[];
  /** For its hash-chained `audit.log`. */
  audit: readonly Line[];
  /** The run is over and leaves no files: those that are not written yet need not be. */
  gone?: boolean;
}
/**
 * Contract: turns are applied in the order of the calls, whoever's they are, and a crash leaves a prefix of them: so who
 * has seen what an earlier one did may go on before it is durable, if only what it does itself is committed here too.
 * `commit` resolves when the turn survives what the setting `durability` says; `keep` promises no time. `load` gives the
 * newest durable checkpoint, or null.
 * @throws CHECKPOINT_BROKEN, CHECKPOINT_FORMAT, CHECKPOINT_FOREIGN from load, STATE_UNWRITABLE from commit.
 */
export interface Store {
  load(place: Place): Promise<Checkpoint | null>;
  commit(turn: Turn): Promise<void>;
  keep(turn: Turn): void;
  /** Why nothing can be written at present, though it may pass: a full disk. Turns wait meanwhile. */
  trouble(): ErrorRecord | null;
  /** Resolves when the readable files say all that is durable. @throws what the disk says. */
  caughtUp(): Promise<void>;
  /** Turns wait for a full disk no longer: the host is about to end. */
  hurry(): void;
  close(): Promise<void>;
}
