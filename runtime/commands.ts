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

export interface Commands {
  /** Someone waits for the end of a command; a later one takes the place of an earlier. */
  wait(id: string, answer: (answer: Answer) => void, near: boolean): void;
  /** 'take' when it is to be decided on; 'late' when its deadline has passed; 'answered' when nothing is left to do. */
  admit(command: Envelope): 'take' | 'late' | 'answered';
  took(command: Envelope): void;
  isOpen(id: string): boolean;
  /** Ends the open commands that a fact ends. @returns their ids; who waits is told by `tell`. */
  end(fits: (id: string, type: string) => boolean, fact: Message): string[];
  /** Tells whoever waits how a command ended. */
  tell(id: string): void;
  /** Tells only one who may know before it is durable. */
  tellNear(id: string): void;
  refuse(id: string, error: ErrorRecord): void;
  accept(id: string): void;
  forgetOld(): void;
  saved(): Pick<Checkpoint, 'open' | 'answers'>;
}

export const errorOf = (told: Message): ErrorRecord => (told as Message & { error: ErrorRecord }).error;

export function openCommands(
  address: string,
  clock: Clock,
  saved: Pick<Checkpoint, 'open' | 'answers'> | null,
): Commands {
  const open = new Map(Object.entries(saved?.open ?? {}));
  const answers = new Map(Object.entries(saved?.answers ?? {}));
  const waiters = new Map<string, { answer: (answer: Answer) => void; near: boolean }>();
  /** As they go into checkpoints: made anew only when they have changed. */
  let asSaved: Pick<Checkpoint, 'open' | 'answers'> | null = null;
  let forgetAt = 0;
  const give = (id: string, answer: Answer): void => {
    waiters.get(id)?.answer(answer);
    waiters.delete(id);
  };
  const forgetOld = (): void => {
    const now = clock.now();
    forgetAt = now + FORGET_EVERY_MS;
    asSaved = null;
    for (const [id, { until }] of answers) if (until < now) answers.delete(id);
    for (const [id, { until }] of open)
      if (until < now) {
        open.delete(id);
        waiters.delete(id);
      }
  };
  const tell = (id: string): void => {
    const { fact } = answers.get(id)!;
    give(id, fact.type === FAILED ? { error: errorOf(fact) } : { fact });
  };
  const isFull = (): boolean => open.size + answers.size >= MOST;
  return {
    tell,
    tellNear(id) {
      if (waiters.get(id)?.near) tell(id);
    },
    forgetOld() {
      if (clock.now() >= forgetAt) forgetOld();
    },
    wait: (id, answer, near) => void waiters.set(id, { answer, near }),
    isOpen: (id) => open.has(id),
    accept: (id) => waiters.get(id)?.answer({ accepted: true }),
    refuse: (id, error) => give(id, { error }),
    took({ id, type, deadline }) {
      asSaved = null;
      open.set(id, { type, until: deadline ?? clock.now() + REMEMBER_MS });
    },
    admit({ id, type, deadline }) {
      if (answers.has(id)) {
        tell(id);
        return 'answered';
      }
      if (open.has(id)) {
        waiters.get(id)?.answer({ accepted: true });
        return 'answered';
      }
      if (deadline !== null && deadline < clock.now()) {
        give(id, { error: fail('ASK_TIMEOUT', { address, type }).toRecord() });
        return 'late';
      }
      if (isFull()) forgetOld();
      if (!isFull()) return 'take';
      give(id, {
        error: fail('BUSY', { address, met: `it remembers ${MOST} commands, the most it keeps` }).toRecord(),
      });
      return 'answered';
    },
    end(fits, fact) {
      const ended: string[] = [];
      for (const [id, { type, until }] of open) {
        if (!fits(id, type)) continue;
        answers.set(id, { fact, until });
        open.delete(id);
        ended.push(id);
      }
      if (ended.length > 0) asSaved = null;
      return ended;
    },
    saved: () => (asSaved ??= { open: Object.fromEntries(open), answers: Object.fromEntries(answers) }),
  };
}
