/**
 * The loop every actor lives by: message → parse → decide (pure) → checkpoint → effects → message.
 *
 * Guarantees. One message at a time. The checkpoint, with the effects still owed, is saved before any of them starts:
 * a killed process may repeat an effect but never forgets one, and every effect bears an id that stays the same.
 * A command stands in the audit before its turn is saved, facts and decisions are appended right after, in commit
 * order, and again at a restart as long as they are owed; an `emit` is settled only when the ledger
 * is on disk and the stream has acknowledged it. A command's answer is kept until the command's deadline. A command
 * that does not parse, comes too late, or is not taken in the present state harms nobody. A throw in decide leaves the
 * snapshot as it was. Settling an effect without a turn is saved lazily: its loss only repeats the effect.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { ActorDefinition, Answered, Ask, EffectContext, Message, Perform, Spawn, Stop } from './actor.js';
import { type Bus, persist } from './bus.js';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import { begin, type Decision, decide, takes } from './decide.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import type { Log } from './log.js';
import { type Answer, type Envelope, envelop, parse } from './message.js';
import type { Checkpoint, CheckpointStore, Effect, Ledger, Line } from './store.js';
import { addressOf, type Place, placeOf } from './subjects.js';

/** What the runtime gives a cell. */
export interface Surroundings {
  bus: Bus;
  store: CheckpointStore;
  ledger: Ledger;
  clock: Clock;
  log: Log;
  config: Config;
  /** Folder of the run. */
  bundle: string;
  spawn(spawn: Spawn, parent: string): Promise<void>;
  stop(address: string): Promise<void>;
  /** Marks a message as being taken, so that one that ends the process is known at the next start. False: quarantined. */
  taking(address: string, id: string): boolean;
  taken(address: string, id: string): void;
  deadLetter(address: string, message: unknown, error: ErrorRecord): void;
  /** The cell cannot go on: whoever started it decides. */
  died(error: unknown): void;
}

export interface Cell {
  readonly address: string;
  readonly def: ActorDefinition;
  /** The last committed state. */
  state(): Checkpoint;
  /** Epoch ms since when the present turn has been going on; null when idle. */
  busySince(): number | null;
  /** Hands it a private event of the runtime. */
  post(event: Message): void;
  /** Ends the loop; the checkpoint stays. */
  stop(): Promise<void>;
}

/** The most commands an actor remembers, open or answered. */
const MOST_REMEMBERED = 10_000;
const MOST_WAITING = 10_000;
/** A command without a deadline is remembered this long. */
const REMEMBER_MS = 10 * 60_000;
const LAZY_SAVE_MS = 200;
const EMIT_AGAIN_MS = 1_000;
/** The fact by which the runtime ends a command that its machine cannot end. */
const failed = 'runtime.failed';

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
}

/** Starts an actor, or resumes it where its checkpoint stands. @throws CHECKPOINT_BROKEN, CHECKPOINT_VERSION, STATE_UNWRITABLE. */
export async function openCell(
  def: ActorDefinition,
  place: Place,
  around: Surroundings,
  input?: unknown,
): Promise<Cell> {
  const { bus, store, ledger, clock, log } = around;
  const address = addressOf(place);
  const abort = new AbortController();
  const saved = await store.load(place);
  const restored = saved && migrate(def, saved, address);
  const first = restored ? null : begin(def, input);
  let snapshot: AnyMachineSnapshot = first
    ? first.snapshot
    : (def.machine.resolveState(restored!.state as never) as AnyMachineSnapshot);
  let turn = restored?.turn ?? 0;
  const epoch = restored?.epoch ?? 0;
  const owed = new Map<string, Effect>((restored?.owed ?? []).map((e) => [e.id, e]));
  const answers = new Map(Object.entries(restored?.answers ?? {}));
  const open = new Map(Object.entries(restored?.open ?? {}));
  let dueCausation = restored?.dueCausation ?? null;

  const waiters = new Map<string, (answer: Answer) => void>();
  const queue: Item[] = [];
  let pumping: Promise<void> | null = null;
  let busySince: number | null = null;
  let dead = false;
  let callOffDue = (): void => undefined;
  let callOffSave = (): void => undefined;
  let unlisten = (): void => undefined;
  const asking = new Map<string, () => void>();
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
    answers: Object.fromEntries(answers),
    open: Object.fromEntries(open),
    dueCausation,
    at: new Date(clock.now()).toISOString(),
  });

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
        await take(queue.shift()!);
      } catch (error) {
        if (!dead) die(error);
      }
    }
    busySince = null;
    pumping = null;
  };
  const die = (error: unknown): void => {
    log.error({ error: toRecord(error) }, 'died');
    halt();
    around.died(error);
  };
  const halt = (): void => {
    dead = true;
    unlisten();
    callOffDue();
    callOffSave();
    abort.abort();
    for (const callOff of asking.values()) callOff();
  };

  const take = async (item: Item): Promise<void> => {
    const { event, command, settles } = item;
    if (command && !admit(command)) return;
    const mark = command?.id ?? settles; // what a process may have died of
    const taken = (): void => void (mark !== null && around.taken(address, mark));
    if (mark !== null && !around.taking(address, mark)) {
      const record = fail('QUARANTINED', { id: mark, times: 3 }).toRecord();
      return command ? refuse(command.id, record) : end(item, record);
    }

    const before = contextDue(snapshot);
    let decision: Prepared;
    try {
      if (!takes(snapshot, event)) {
        taken();
        if (!command) return settleOnly(item);
        const state = JSON.stringify(snapshot.value);
        return refuse(command.id, fail('NOT_NOW', { address, type: command.type, state }).toRecord());
      }
      decision = prepare(decide(def, snapshot, event), turn + 1, item.causation);
    } catch (error) {
      const record = fail(
        'DECIDE_THREW',
        { address, type: event.type, reason: (error as Error)?.message ?? error },
        error,
      ).toRecord();
      log.error({ error: record, stack: (error as Error)?.stack }, 'decide threw');
      around.deadLetter(address, command ?? item, record);
      taken();
      return command ? refuse(command.id, record) : end(item, record);
    }
    turn += 1;
    snapshot = decision.snapshot;
    if (settles) owed.delete(settles);
    const due = contextDue(snapshot);
    if (due !== before) dueCausation = due === null ? null : item.causation;
    if (command) open.set(command.id, { type: command.type, until: command.deadline ?? clock.now() + REMEMBER_MS });
    try {
      await commit(decision, item.causation, command);
    } finally {
      taken(); // a store that fails is no death of the process
    }
    if (command && open.has(command.id)) waiters.get(command.id)?.({ accepted: true });
    log.debug({ turn, took: event.type, owed: owed.size }, 'turn');
  };

  /** The effects of a decision as they will be owed. @throws what is wrong with a fact or an ask, before anything is changed. */
  const prepare = ({ snapshot: next, asked }: Decision, at: number, causation: string | null): Prepared => ({
    snapshot: next,
    effects: asked.map(({ type, params }, n): Effect => {
      const id = `${address}/${epoch}.${at}.${n}`;
      if (type === 'emit') return { id, type, params: parse(def.emits, params), causation };
      if (type !== 'ask') return { id, type, params: params ?? null, causation };
      placeOf((params as Ask).to);
      return { id, type, params: dated(params as Ask, clock.now()), causation };
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
      facts.push(lineOf(e.id, fact, causation));
      for (const [id, { type, until }] of open) {
        if (!(id === causation && def.ends.includes(fact.type)) && def.endsAll?.[type] !== fact.type) continue;
        answers.set(id, { fact, until });
        open.delete(id);
        ended.push(id);
      }
    }
    forgetOld();
    callOffSave();
    // Before the save: a crash in between must not do what no audit knows of. A repeat has the same id and stands once.
    if (command) {
      const heard = lineOf(command.id, { type: command.type, ...command.payload }, command.causation);
      ledger.append(place.run, [], [{ ...heard, from: command.from }]);
    }
    const next = checkpoint();
    await store.save(next, true);
    committed = next;
    if (dead) return;
    ledger.append(place.run, facts, facts.filter(isAudited));
    for (const id of ended) tell(id, { fact: answers.get(id)!.fact });
    rearm();
    for (const e of effects) perform(e);
  };

  const lineOf = (
    id: string,
    { type, ...payload }: Message & Record<string, unknown>,
    causation: string | null,
  ): Line => ({
    id,
    at: new Date(clock.now()).toISOString(),
    from: address,
    type,
    payload,
    causation,
  });

  /** Whether a command is to be decided on; if not, it has been answered. */
  const admit = (command: Envelope): boolean => {
    const known = answers.get(command.id);
    if (known) {
      tell(command.id, known.fact.type === failed ? { error: errorOf(known.fact) } : { fact: known.fact });
      return false;
    }
    if (open.has(command.id)) {
      waiters.get(command.id)?.({ accepted: true });
      return false;
    }
    if (command.deadline !== null && command.deadline < clock.now()) {
      ledger.append(
        place.run,
        [
          lineOf(
            `${command.id}/expired`,
            { type: 'runtime.expired', command: command.type, id: command.id } as Message,
            command.id,
          ),
        ],
        [],
      );
      refuse(command.id, fail('ASK_TIMEOUT', { address, type: command.type }).toRecord());
      return false;
    }
    if (open.size + answers.size >= MOST_REMEMBERED) {
      forgetOld();
      if (open.size + answers.size >= MOST_REMEMBERED) {
        refuse(command.id, fail('BUSY', { address, met: MOST_REMEMBERED }).toRecord());
        return false;
      }
    }
    return true;
  };
  const tell = (id: string, answer: Answer): void => {
    waiters.get(id)?.(answer);
    waiters.delete(id);
  };
  const refuse = (id: string, error: ErrorRecord): void => tell(id, { error });
  const forgetOld = (): void => {
    const now = clock.now();
    for (const [id, { until }] of answers) if (until < now) answers.delete(id);
    for (const [id, { until }] of open)
      if (until < now) {
        open.delete(id);
        waiters.delete(id);
      }
  };

  /** What an effect reported changes nothing in the machine. */
  const settleOnly = async ({ settles, event, causation }: Item): Promise<void> => {
    if (!settles) return;
    if (event.type.endsWith('Failed')) return end({ event, causation, settles, command: null }, errorOf(event));
    owed.delete(settles);
    saveSoon();
  };
  /** The runtime ends a command in place of a machine that cannot. */
  const end = async ({ causation, settles }: Item, error: ErrorRecord): Promise<void> => {
    if (settles) owed.delete(settles);
    if (causation !== null && open.has(causation)) {
      const fact = { type: failed, error } as Message;
      answers.set(causation, { fact, until: open.get(causation)!.until });
      open.delete(causation);
      await store.save(checkpoint(), true);
      ledger.append(place.run, [lineOf(`${causation}/failed`, fact, causation)], []);
      tell(causation, { error });
    } else saveSoon();
  };
  const saveSoon = (): void => {
    callOffSave();
    callOffSave = clock.after(LAZY_SAVE_MS, () => {
      if (dead || pumping) return dead ? undefined : saveSoon();
      store
        .save(checkpoint(), false)
        .catch((error: unknown) => log.warn({ error: toRecord(error) }, 'settled effects not saved'));
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
      });
    });
  };

  const perform = (e: Effect): void => {
    const began = clock.now();
    const report = (event: Message): void => {
      if (dead) return;
      log.debug({ effect: e.id, type: e.type, ms: clock.now() - began }, 'effect ended');
      post({ event, causation: e.causation, settles: e.id, command: null });
    };
    const settle = (): void => {
      if (dead) return;
      owed.delete(e.id);
      saveSoon();
    };
    if (e.type === 'emit') return emit(e, settle);
    if (e.type === 'ask') return ask(e, report);
    const work: Promise<Message> =
      e.type === 'spawn'
        ? around.spawn(e.params as Spawn, address).then(
            () => spawned(e.params as Spawn, null, clock.now()),
            (error: unknown) => spawned(e.params as Spawn, toRecord(error), clock.now()),
          )
        : e.type === 'stop'
          ? around
              .stop((e.params as Stop).address)
              .then(() => ({ type: 'stopped', address: (e.params as Stop).address, at: clock.now() }) as Message)
          : (async () => (def.effects[e.type] as Perform<unknown>)(e.params, contextOf(e)))();
    work.then(report, (error: unknown) => {
      const record =
        (error as { fix?: string }).fix !== undefined
          ? toRecord(error)
          : fail('EFFECT_FAILED', {
              effect: e.type,
              address,
              reason: (error as Error)?.message ?? error,
              fix: 'the log of the run has the details',
            }).toRecord();
      if (!dead) log.warn({ effect: e.id, error: record, stack: (error as Error)?.stack }, 'effect failed');
      report({ type: `${e.type}Failed`, error: record } as Message);
    });
  };
  const contextOf = (e: Effect): EffectContext => ({
    id: e.id,
    causation: e.causation,
    signal: abort.signal,
    run: place.run,
    address,
    bundle: around.bundle,
    config: around.config,
    clock,
    log: log.child({ effect: e.type }),
  });
  const emit = (e: Effect, settle: () => void): void => {
    const line = lineOf(e.id, e.params as Message, e.causation);
    const attempt = (): void => {
      asking.delete(e.id);
      Promise.all([bus.emit(line, address), ledger.sync(place.run)]).then(settle, (error: unknown) => {
        if (dead) return;
        log.warn({ effect: e.id, error: toRecord(error) }, 'fact not acknowledged, once more');
        asking.set(e.id, clock.after(EMIT_AGAIN_MS, attempt));
      });
    };
    attempt();
  };
  const ask = (e: Effect, report: (event: Message) => void): void => {
    const { to, command, deadlineAt, tag } = e.params as Ask;
    const envelope = envelop(command, {
      run: placeOf(to).run,
      from: address,
      id: e.id,
      causation: e.causation,
      deadline: deadlineAt ?? null,
    });
    asking.set(
      e.id,
      persist({ send: bus.send, clock }, to, envelope, (answer) => {
        asking.delete(e.id);
        report({
          type: 'answered',
          tag,
          fact: 'fact' in answer ? answer.fact : null,
          error: 'error' in answer ? answer.error : null,
          at: clock.now(),
        } as Answered);
      }),
    );
  };
  const listen = (): (() => void) =>
    bus.listen(address, (envelope, answer) => {
      if (dead) return answer({ error: fail('NO_ACTOR', { address }).toRecord() });
      if (queue.length >= MOST_WAITING)
        return answer({ error: fail('BUSY', { address, met: queue.length }).toRecord() });
      let event: Message;
      try {
        event = parse(def.accepts, { type: envelope.type, ...envelope.payload });
      } catch (error) {
        log.warn({ from: envelope.from, error: toRecord(error) }, 'message refused');
        return answer({ error: toRecord(error) });
      }
      waiters.set(envelope.id, answer);
      post({ event, causation: envelope.id, settles: null, command: envelope });
    });

  // Nothing is heard before turn 0 is on disk.
  if (first) await commit(prepare(first, turn, null), null, null);
  else {
    // Effects cut short by the end of the last process are owed still; facts go to the ledger again, which knows their ids.
    const again = [...owed.values()];
    const facts = again.filter((e) => e.type === 'emit').map((e) => lineOf(e.id, e.params as Message, e.causation));
    ledger.append(place.run, facts, facts.filter(isAudited));
    for (const e of again) perform(e);
    rearm();
  }
  if (!dead) unlisten = listen();

  return {
    address,
    def,
    state: () => ({ ...committed!, owed: [...owed.values()] }),
    busySince: () => busySince,
    post: (event) => post({ event, causation: null, settles: null, command: null }),
    async stop() {
      halt();
      await pumping;
    },
  };
}

const errorOf = (told: Message): ErrorRecord => (told as Message & { error: ErrorRecord }).error;
const contextDue = (snapshot: AnyMachineSnapshot): number | null =>
  (snapshot.context as { dueAt?: number | null }).dueAt ?? null;
const spawned = ({ run, kind, id, tag }: Spawn, error: ErrorRecord | null, at: number): Message =>
  ({ type: 'spawned', address: addressOf({ run, kind, id }), tag: tag ?? null, error, at }) as Message;
/** An ask's deadline as a time, so that a restart does not move it. */
const dated = ({ withinMs, ...ask }: Ask, now: number): Ask =>
  withinMs === undefined ? ask : { ...ask, deadlineAt: now + withinMs };
/** Decisions, fixes and approvals are audited beside the commands. */
const isAudited = ({ type, payload }: Line): boolean => 'decision' in payload || /^(fixer|approval)\./.test(type);

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
