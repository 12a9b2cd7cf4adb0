/**
 * What an actor remembers of commands: those it has taken and not ended, and the answers of those it has, until their
 * deadline. A repeated command gets the same answer without a second turn. When the memory is full a new command is
 * told `busy`; no answer is forgotten before its deadline.
 */
import type { Message } from './actor.js';
import type { Clock } from './clock.js';
import { type ErrorRecord, fail } from './errors.js';
import type { Answer, Envelope } from './message.js';
import type { Checkpoint } from './store.js';

/** The fact by which the runtime ends a command that its machine cannot end. */
export const FAILED = 'runtime.failed';
/** The most commands an actor remembers, open or answered. */
const MOST = 10_000;
/** The memory is gone through this often at most. */
const FORGET_EVERY_MS = 1_000;
/** A command without a deadline is remembered this long. */
const REMEMBER_MS = 10 * 60_000;

type Fits = (id: string, type: string) => boolean;
type Saved = Pick<Checkpoint, 'open' | 'answers'>;
type Waiter = { answer: (answer: Answer) => void; near: boolean };
export const errorOf = (told: Message): ErrorRecord => (told as Message & { error: ErrorRecord }).error;

/** One an actor: a class, since there may be very many. */
export class Commands {
  private readonly open: Map<string, Checkpoint['open'][string]>;
  private readonly answers: Map<string, Checkpoint['answers'][string]>;
  /** Null while nobody waits. */
  private waiters: Map<string, Waiter> | null = null;
  /** As they go into checkpoints: made anew only when they have changed. */
  private asSaved: Saved | null = null;
  private forgetAt = 0;

  constructor(
    private readonly address: string,
    private readonly clock: Clock,
    saved: Saved | null,
  ) {
    this.open = new Map(Object.entries(saved?.open ?? {}));
    this.answers = new Map(Object.entries(saved?.answers ?? {}));
  }

  /** Someone waits for the end of a command; a later one takes the place of an earlier. */
  wait(id: string, answer: (answer: Answer) => void, near: boolean): void {
    this.waiters ??= new Map();
    this.waiters.set(id, { answer, near });
  }
  /** 'take' when it is to be decided on; 'late' when its deadline has passed; 'answered' when nothing is left to do. */
  admit({ id, type, deadline }: Envelope): 'take' | 'late' | 'answered' {
    const { address } = this;
    if (this.answers.has(id)) {
      this.tell(id);
      return 'answered';
    }
    if (this.open.has(id)) {
      this.waiters?.get(id)?.answer({ accepted: true });
      return 'answered';
    }
    if (deadline !== null && deadline < this.clock.now()) {
      this.give(id, { error: fail('ASK_TIMEOUT', { address, type }).toRecord() });
      return 'late';
    }
    if (this.isFull()) this.forget();
    if (!this.isFull()) return 'take';
    const met = `it remembers ${MOST} commands, the most it keeps`;
    this.give(id, { error: fail('BUSY', { address, met }).toRecord() });
    return 'answered';
  }
  took({ id, type, deadline }: Envelope): void {
    this.asSaved = null;
    this.open.set(id, { type, until: deadline ?? this.clock.now() + REMEMBER_MS });
  }
  isOpen(id: string): boolean {
    return this.open.has(id);
  }
  /** Epoch ms of the deadline of an open command; null: it is not open. */
  until(id: string): number | null {
    return this.open.get(id)?.until ?? null;
  }
  areOpen(): boolean {
    return this.open.size > 0;
  }
  /** Ends the open commands that a fact ends. @returns their ids; who waits is told by `tell`. */
  end(fits: Fits, fact: Message): string[] {
    const ended: string[] = [];
    for (const [id, { type, until }] of this.open) {
      if (!fits(id, type)) continue;
      this.answers.set(id, { fact, until });
      this.open.delete(id);
      ended.push(id);
    }
    if (ended.length > 0) this.asSaved = null;
    return ended;
  }
  /** Tells whoever waits how a command ended. */
  tell(id: string): void {
    const { fact } = this.answers.get(id)!;
    this.give(id, fact.type === FAILED ? { error: errorOf(fact) } : { fact });
  }
  /** Tells only one who may know before it is durable. */
  tellNear(id: string): void {
    if (this.waiters?.get(id)?.near) this.tell(id);
  }
  refuse(id: string, error: ErrorRecord): void {
    this.give(id, { error });
  }
  accept(id: string): void {
    this.waiters?.get(id)?.answer({ accepted: true });
  }
  /** Whoever asked has the answer for good, and asks no more: it is forgotten with the next turn. */
  heard(id: string): void {
    if (this.answers.delete(id)) this.asSaved = null;
  }
  forgetOld(): void {
    if (this.clock.now() >= this.forgetAt) this.forget();
  }
  saved(): Saved {
    this.asSaved ??= { open: Object.fromEntries(this.open), answers: Object.fromEntries(this.answers) };
    return this.asSaved;
  }

  private give(id: string, answer: Answer): void {
    const waiter = this.waiters?.get(id);
    if (!waiter) return;
    this.drop(id);
    waiter.answer(answer);
  }
  private drop(id: string): void {
    this.waiters?.delete(id);
    if (this.waiters?.size === 0) this.waiters = null;
  }
  private forget(): void {
    const now = this.clock.now();
    this.forgetAt = now + FORGET_EVERY_MS;
    this.asSaved = null;
    for (const [id, { until }] of this.answers) if (until < now) this.answers.delete(id);
    for (const [id, { until }] of this.open)
      if (until < now) {
        this.open.delete(id);
        this.drop(id);
      }
  }
  private isFull(): boolean {
    return this.open.size + this.answers.size >= MOST;
  }
}
