/**
 * The loop every actor lives by: message → parse → decide (pure) → checkpoint → effects → message.
 *
 * Guarantees. One message at a time. The checkpoint, with the effects still owed, is saved before any of them starts:
 * a killed process may repeat an effect but never forgets one, and every effect bears an id that stays the same.
 * The command, the facts and the decisions of a turn are durable with its checkpoint, all or nothing, in commit order;
 * an `emit` is settled when the stream has acknowledged it too. A command's answer is kept until the command's deadline;
 * an actor whose own turns go to the same store hears it at once, all others when it is durable. A command that does not
 * parse, comes too late, or is not taken in the present state harms nobody. A throw in decide leaves the snapshot as it
 * was. Settling an effect without a turn is saved lazily: its loss only repeats the effect.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { ActorDefinition, Ask, Message } from './actor.js';
import { Commands, errorOf, FAILED } from './commands.js';
import { begin, type Decision, decide } from './decide.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import { legalState } from './legal.js';
import { isAudited, isoOf, lineOf } from './line.js';
import { Mailbox } from './mailbox.js';
import { checkHops, type Envelope, parse } from './message.js';
import { openPerformer } from './perform.js';
import { DEATHS } from './poison.js';
import type { Reported } from './quarantine.js';
import type { Checkpoint, Effect, Line } from './store.js';
import { addressOf, type Place, placeOf } from './subjects.js';
import type { Surroundings } from './surroundings.js';

export interface Cell {
  readonly address: string;
  readonly def: ActorDefinition;
  /** The last committed state. */
  state(): Checkpoint;
  /** Epoch ms since when the present turn has been going on; null when idle. */
  busySince(): number | null;
  /** Epoch ms since when it owes nothing, waits for nothing and was told nothing; null: it does not rest. */
  restingSince(): number | null;
  /** Who asked a command has its answer for good; told only within a process, where nothing is on its way for long. */
  heard(command: string): void;
  /** Hands it a private event of the runtime. */
  post(event: Message): void;
  /**
   * Hands it once more what an effect once reported, as a message called `id`.
   * @param told hears null when it was taken, else why not.
   */
  retake(report: Reported, id: string, told: (error: ErrorRecord | null) => void): void;
  /** Ends the loop; the checkpoint stays. */
  stop(): Promise<void>;
}

const FEW_WAITING = 100;
const LAZY_SAVE_MS = 200;
/** A decision with its effects checked and named. */
interface Prepared {
  snapshot: AnyMachineSnapshot;
  effects: Effect[];
}
interface Item {
  event: Message;
  causation: string | null;
  /** The effect this reports on. */
  settles: string | null;
  command: Envelope | null;
  /** How often the command that led here was handed on; 0: none did. */
  hop: number;
  /** What it weighs in the mailbox; absent: nothing. */
  bytes?: number;
  /** Hears what became of it. */
  told?: (error: ErrorRecord | null) => void;
}

/** Starts an actor, or resumes it where its checkpoint stands. @throws CHECKPOINT_BROKEN, CHECKPOINT_VERSION, CHECKPOINT_ILLEGAL, STATE_UNWRITABLE. */
export async function openCell(
  def: ActorDefinition,
  place: Place,
  around: Surroundings,
  input?: unknown,
): Promise<Cell> {
  const { bus, store, clock } = around;
  const isVerbose = ['debug', 'trace'].includes(around.config.logLevel);
  const address = addressOf(place);
  const saved = await store.load(place);
  const restored = saved && migrate(def, saved, address);
  const first = restored ? null : begin(def, input);
  let snapshot: AnyMachineSnapshot = first ? first.snapshot : legalState(def, restored!);
  let turn = restored?.turn ?? 0;
  const epoch = restored?.epoch ?? 0;
  const owed = new Map<string, Effect>((restored?.owed ?? []).map((e) => [e.id, e]));
  const commands = new Commands(address, clock, restored);
  let dueCausation = restored?.dueCausation ?? null;
  let cause = restored?.cause ?? null;

  const queue: Item[] = [];
  const mailbox = new Mailbox(around.config.mailbox);
  let pumping: Promise<void> | null = null;
  let busySince: number | null = null;
  let lastAt = clock.now();
  let dead = false;
  let callOffDue = (): void => undefined;
  let callOffSave = (): void => undefined;
  /** Something was settled that no checkpoint says yet. */
  let isUnsaved = false;
  let unlisten = (): void => undefined;
  let committed: Checkpoint | null = restored;

  const checkpoint = (): Checkpoint => ({
    format: 1,
    kind: def.kind,
    id: place.id,
    run: place.run,
    version: def.version,
    epoch,
    turn,
    state: { value: snapshot.value, context: snapshot.context, status: snapshot.status },
    owed: [...owed.values()],
    ...commands.saved(),
    dueCausation,
    cause,
    at: isoOf(clock.now()),
  });

  const isGone = (): boolean => def.leavesNothing?.(snapshot.context as never) ?? false;

  const post = (item: Item): void => {
    if (dead) return;
    queue.push(item);
    pumping ??= pump();
  };
  const pump = async (): Promise<void> => {
    await null; // a turn never runs inside its sender's stack
    while (queue.length > 0 && !dead) {
      busySince = clock.now();
      try {
        const item = queue.shift()!;
        if (item.bytes) mailbox.took(item.bytes);
        await take(item);
      } catch (error) {
        if (!dead) die(error);
      }
    }
    busySince = null;
    pumping = null;
    lastAt = clock.now();
  };
  const die = (error: unknown): void => {
    around.log().error({ error: toRecord(error) }, 'died');
    halt();
    around.died(error);
  };
  const halt = (): void => {
    dead = true;
    unlisten();
    callOffDue();
    callOffSave();
    performer.stop();
  };

  const take = async (item: Item): Promise<void> => {
    const { event, command, settles } = item;
    if (command && !admit(command)) return;
    const mark = command?.id ?? settles; // what a process may have died of
    const taken = (): void => void (mark !== null && around.taken(address, mark));
    if (mark !== null && !around.taking(address, mark)) {
      const record = fail('QUARANTINED', { id: mark, times: DEATHS }).toRecord();
      around.deadLetter(address, command ?? item, record);
      item.told?.(record);
      return command ? commands.refuse(command.id, record) : end(item, record);
    }

    const before = contextDue(snapshot);
    let decision: Prepared;
    try {
      const decided = decide(def, snapshot, event);
      if (!decided) {
        taken();
        if (!command && !item.told) return settleOnly(item);
        const state = JSON.stringify(snapshot.value);
        const record = fail('NOT_NOW', { address, type: event.type, state }).toRecord();
        item.told?.(record);
        return command ? commands.refuse(command.id, record) : settleOnly(item);
      }
      decision = prepare(decided, turn + 1, item);
    } catch (error) {
      const record = fail(
        'DECIDE_THREW',
        { address, type: event.type, reason: (error as Error)?.message ?? error },
        error,
      ).toRecord();
      around.log().error({ error: record, stack: (error as Error)?.stack }, 'decide threw');
      around.deadLetter(address, command ?? item, record);
      taken();
      item.told?.(record);
      return command ? commands.refuse(command.id, record) : end(item, record);
    }
    turn += 1;
    cause = { id: mark, type: event.type };
    snapshot = decision.snapshot;
    const settled = settles === null ? undefined : owed.get(settles);
    if (settles) owed.delete(settles);
    const due = contextDue(snapshot);
    if (due !== before) dueCausation = due === null ? null : item.causation;
    if (command) commands.took(command);
    const committing = commit(decision, item.causation, command);
    taken(); // waiting for the disk is no death
    await committing;
    if (settled?.type === 'ask') around.heard((settled.params as Ask).to, settled.id);
    if (command && commands.isOpen(command.id)) commands.accept(command.id);
    item.told?.(null);
    if (isVerbose) around.log().debug({ turn, took: event.type, owed: owed.size }, 'turn');
  };

  /** The effects of a decision as they will be owed. @throws what is wrong with a fact or an ask, before anything is changed. */
  const prepare = (
    { snapshot: next, asked }: Decision,
    at: number,
    { causation, hop }: Pick<Item, 'causation' | 'hop'>,
  ): Prepared => ({
    snapshot: next,
    effects: asked.map(({ type, params }, n): Effect => {
      const id = `${address}/${epoch}.${at}.${n}`;
      if (type === 'emit') return { id, type, params: parse(def.emits, params), causation };
      const cause = { causation, ...(hop > 0 ? { hop } : {}) };
      if (type !== 'ask') return { id, type, params: params ?? null, ...cause };
      placeOf((params as Ask).to);
      return { id, type, params: dated(params as Ask, clock.now()), ...cause };
    }),
  });
  /** Saves the state with the effects it asks for, then starts them. */
  const commit = async ({ effects }: Prepared, causation: string | null, command: Envelope | null): Promise<void> => {
    const facts: Line[] = [];
    const ended: string[] = [];
    for (const e of effects) {
      owed.set(e.id, e);
      if (e.type !== 'emit') continue;
      const fact = e.params as Message;
      facts.push(line(e.id, fact, causation));
      const ends = (id: string, type: string): boolean =>
        (id === causation && def.ends.includes(fact.type)) || def.endsAll?.[type] === fact.type;
      ended.push(...commands.end(ends, fact));
    }
    commands.forgetOld();
    callOffSave();
    isUnsaved = false;
    const heard = command && line(command.id, { ...command.payload, type: command.type }, command.causation);
    const audited = facts.filter(isAudited);
    const next = checkpoint();
    const saved = store.commit({
      checkpoint: next,
      facts,
      audit: heard ? [{ ...heard, from: command.from }, ...audited] : audited,
      gone: isGone(),
    });
    for (const id of ended) commands.tellNear(id);
    await saved;
    committed = next;
    if (dead) return;
    for (const id of ended) commands.tell(id);
    rearm();
    for (const e of effects) performer.perform(e);
  };

  const line = (id: string, message: Message & Record<string, unknown>, causation: string | null): Line =>
    lineOf(address, clock.now(), id, message, causation);

  /** Whether a command is to be decided on; if not, it has been answered. */
  const admit = (command: Envelope): boolean => {
    const admitted = commands.admit(command);
    if (admitted === 'late') {
      const expired = { type: 'runtime.expired', command: command.type, id: command.id };
      if (committed)
        store.keep({ checkpoint: committed, facts: [line(`${command.id}/expired`, expired, command.id)], audit: [] });
    }
    return admitted === 'take';
  };

  /** What an effect reported changes nothing in the machine. */
  const settleOnly = async ({ settles, event, causation }: Item): Promise<void> => {
    if (!settles) return;
    if (event.type.endsWith('Failed')) return end({ causation, settles }, errorOf(event));
    owed.delete(settles);
    saveSoon();
  };
  /** The runtime ends a command in place of a machine that cannot. */
  const end = async (
    { causation, settles }: Pick<Item, 'causation' | 'settles'>,
    error: ErrorRecord,
  ): Promise<void> => {
    if (settles) owed.delete(settles);
    if (causation !== null && commands.isOpen(causation)) {
      const fact = { type: FAILED, error };
      commands.end((id) => id === causation, fact);
      committed = checkpoint();
      await store.commit({
        checkpoint: committed,
        facts: [line(`${causation}/failed`, fact, causation)],
        audit: [],
      });
      commands.tell(causation);
    } else saveSoon();
  };
  const saveSoon = (): void => {
    callOffSave();
    isUnsaved = true;
    callOffSave = clock.after(LAZY_SAVE_MS, () => {
      if (dead || pumping) return dead ? undefined : saveSoon();
      isUnsaved = false;
      committed = checkpoint();
      store.keep({ checkpoint: committed, facts: [], audit: [], gone: isGone() });
    });
  };

  /** The one timer of an actor: the due time lives in its context, so a restart only has to look. */
  const rearm = (): void => {
    callOffDue();
    const due = contextDue(snapshot);
    if (due === null) return;
    callOffDue = clock.after(Math.max(0, due - clock.now()), () => {
      post({
        event: { type: 'due', at: clock.now() } as Message,
        causation: dueCausation,
        settles: null,
        command: null,
        hop: 0,
      });
    });
  };

  const performer = openPerformer(def, place, around, {
    report(e, event) {
      if (dead) return;
      if (isVerbose) around.log().debug({ effect: e.id, type: e.type }, 'effect ended');
      post({ event, causation: e.causation, settles: e.id, command: null, hop: e.hop ?? 0 });
    },
    until: (command) => commands.until(command),
    settle(e) {
      if (dead) return;
      owed.delete(e.id);
      saveSoon();
    },
  });
  const listen = (): (() => void) =>
    bus.listen(address, (envelope, answer, near) => {
      if (dead) return answer({ error: fail('NO_ACTOR', { address }).toRecord() });
      const bytes = mailbox.weigh(envelope, queue.length);
      if (bytes === null) return answer({ error: fail('BUSY', { address, met: mailbox.why() }).toRecord() });
      let event: Message;
      try {
        checkHops(envelope);
        event = parse(def.accepts, { ...envelope.payload, type: envelope.type });
      } catch (error) {
        mailbox.took(bytes);
        around.log().warn({ from: envelope.from, error: toRecord(error) }, 'message refused');
        return answer({ error: toRecord(error) });
      }
      commands.wait(envelope.id, answer, near);
      post({ event, causation: envelope.id, settles: null, command: envelope, hop: envelope.hop, bytes });
    });

  // Nothing is heard before turn 0 is on disk.
  if (first) await commit(prepare(first, turn, { causation: null, hop: 0 }), null, null);
  else {
    // Effects cut short by the end of the last process are owed still.
    for (const e of [...owed.values()]) performer.perform(e);
    rearm();
  }
  if (!dead) unlisten = listen();

  return {
    address,
    def,
    state: () => ({ ...committed!, owed: [...owed.values()] }),
    busySince: () => busySince,
    heard(id) {
      // A repeat that waits here already would be taken as new.
      if (queue.length < FEW_WAITING && !queue.some(({ command }) => command?.id === id)) commands.heard(id);
    },
    restingSince: () =>
      dead || pumping || owed.size > 0 || commands.areOpen() || contextDue(snapshot) !== null || isUnsaved
        ? null
        : lastAt,
    post: (event) => post({ event, causation: null, settles: null, command: null, hop: 0 }),
    retake: ({ event, causation }, id, told) => post({ event, causation, settles: id, command: null, hop: 0, told }),
    async stop() {
      halt();
      await pumping;
    },
  };
}

const contextDue = (snapshot: AnyMachineSnapshot): number | null =>
  (snapshot.context as { dueAt?: number | null }).dueAt ?? null;
/** An ask's deadline as a time, so that a restart does not move it. */
const dated = ({ withinMs, ...ask }: Ask, now: number): Ask =>
  withinMs === undefined ? ask : { ...ask, deadlineAt: now + withinMs };
function migrate(def: ActorDefinition, saved: Checkpoint, address: string): Checkpoint {
  if (saved.version === def.version) return saved;
  if (!def.migrate || saved.version > def.version)
    throw fail('CHECKPOINT_VERSION', { address, met: saved.version, wanted: def.version });
  return {
    ...saved,
    version: def.version,
    state: { ...saved.state, ...(def.migrate(saved.state, saved.version) as object) },
  };
}
