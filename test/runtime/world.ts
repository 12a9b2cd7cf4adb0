/** A world in one process, driven by a seed: time, delivery, saves and effects happen when the test says so. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { ActorDefinition, Message } from '../../runtime/actor.js';
import { openBus } from '../../runtime/bus.js';
import type { Clock } from '../../runtime/clock.js';
import { readConfig } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint, Line, Store, Turn } from '../../runtime/store.js';
import { addressOf, type Place, placeOf } from '../../runtime/subjects.js';
import type { Surroundings } from '../../runtime/surroundings.js';
import { type Cell, openCell } from '../../runtime/turn.js';
import type { Wire, WireMessage } from '../../runtime/wire.js';

/** What waits to happen. `crash`: what a process that dies at this point leaves done. */
interface Pending {
  what: string;
  run: () => void;
  crash?: (applied: boolean) => void;
}

export class World {
  now = 1_000_000;
  pending: Pending[] = [];
  readonly disk = new Map<string, string>();
  readonly facts: Line[] = [];
  readonly audit: Line[] = [];
  readonly performed: string[] = [];
  readonly cells = new Map<string, Cell>();
  deaths = 0;
  #timers: { at: number; call: () => void }[] = [];
  #life = { alive: true, staged: [] as { write: () => void; done: () => void }[] };
  #log = openLog('silent', 2);
  #config = readConfig({ state: '/nowhere', cache: '/nowhere' }, {}).config;

  later(what: string, run: () => void, crash?: (applied: boolean) => void): void {
    this.pending.push({ what, run, ...(crash ? { crash } : {}) });
  }

  clock(): Clock {
    const life = this.#life;
    return {
      now: () => this.now,
      after: (ms, call) => {
        const timer = { at: this.now + ms, call: () => life.alive && call() };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
    };
  }
  /** Moves time to the next timer. @returns false when there is none. */
  tick(): boolean {
    const next = this.#timers.sort((a, b) => a.at - b.at).shift();
    if (!next) return false;
    this.now = Math.max(this.now, next.at);
    next.call();
    return true;
  }

  /** Turns reach the disk in the order they were committed, one at a time; a process that dies leaves a prefix. */
  store(): Store {
    const life = this.#life;
    const stage = ({ checkpoint, facts, audit }: Turn, done: () => void): void => {
      if (!life.alive) return; // a dead process writes nothing
      const [text, lines] = [JSON.stringify(checkpoint), structuredClone([facts, audit])];
      const write = (): void => {
        this.disk.set(addressOf(checkpoint), text);
        this.facts.push(...(lines[0] ?? []));
        this.audit.push(...(lines[1] ?? []));
      };
      life.staged.push({ write, done });
      this.later(
        'save',
        () => {
          const oldest = life.staged.shift()!;
          oldest.write();
          oldest.done();
        },
        (applied) => applied && life.staged.shift()?.write(),
      );
    };
    return {
      load: async (place) => {
        const text = this.disk.get(addressOf(place));
        return text ? (JSON.parse(text) as Checkpoint) : null;
      },
      commit: (turn) => new Promise((resolve) => stage(turn, resolve)),
      keep: (turn) => stage(turn, () => undefined),
      trouble: () => null,
      caughtUp: async () => undefined,
      hurry: () => undefined,
      close: async () => undefined,
    };
  }
  wire(): Wire {
    const life = this.#life;
    const subscriptions: { subject: RegExp; take: (message: WireMessage) => void }[] = [];
    const deliver = (subject: string, data: string, reply: string | null): void => {
      this.later(`deliver ${subject}`, () => {
        for (const s of life.alive ? subscriptions : [])
          if (s.subject.test(subject))
            s.take({ subject, data: new TextEncoder().encode(data), reply, noResponders: false });
      });
    };
    return {
      inbox: 'inbox',
      publish: (subject, data, reply) => deliver(subject, data, reply ?? null),
      publishError: (subject, data) => deliver(subject, data, null),
      publishFact: (_subject, _data, _id, reply) => deliver(reply, '{"stream":"S","seq":1}', null),
      subscribe: (subject, take) => {
        const one = {
          subject: new RegExp(`^${subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('>', '.+')}$`),
          take,
        };
        subscriptions.push(one);
        return () => void subscriptions.splice(subscriptions.indexOf(one), 1);
      },
      flush: async () => undefined,
      close: async () => undefined,
    };
  }
  /** Effects of a definition run when the world says so, and may have run when the process dies. */
  slow(def: ActorDefinition): ActorDefinition {
    const life = this.#life;
    const effects = Object.fromEntries(
      Object.entries(def.effects).map(([name, perform]) => [
        name,
        ((params: never, ctx: never) =>
          new Promise<Message>((resolve, reject) => {
            if (!life.alive) return;
            const run = (): Promise<Message> => {
              this.performed.push((ctx as { id: string }).id);
              return perform(params, ctx);
            };
            this.later(
              `effect ${name}`,
              () => void run().then(resolve, reject),
              (applied) => applied && void run().catch(() => undefined),
            );
          })) as never,
      ]),
    );
    return { ...def, effects };
  }

  bus = openBus(this.wire(), this.clock());
  async start(defs: ActorDefinition[], place: Place): Promise<Cell> {
    const around: Surroundings = {
      bus: this.bus,
      store: this.store(),
      clock: this.clock(),
      log: () => this.#log,
      config: this.#config,
      bundle: '/nowhere',
      spawn: async () => undefined,
      stop: async () => undefined,
      heard: () => undefined,
      taking: () => true,
      taken: () => undefined,
      deadLetter: () => undefined,
      died: (error) => {
        throw error;
      },
    };
    const def = defs.find(({ kind }) => kind === place.kind)!;
    let opened: Cell | null = null;
    const opening = openCell(this.slow(def), place, around).then((cell) => {
      opened = cell;
      return cell;
    });
    while (!opened) {
      await breathe();
      for (const { run } of this.pending.filter(({ what }) => what === 'save')) run();
      this.pending = this.pending.filter(({ what }) => what !== 'save');
    }
    const cell = await opening;
    this.cells.set(cell.address, cell);
    return cell;
  }

  /** The process dies: nothing it awaited goes on; what was under way may or may not have happened. */
  async crash(defs: ActorDefinition[], applied: boolean): Promise<void> {
    this.deaths += 1;
    this.#life.alive = false;
    const cut = this.pending;
    this.pending = [];
    // Of what was being saved the first half has reached the disk, or all of it.
    const saves = cut.filter(({ what }) => what === 'save');
    for (const { crash } of cut.filter(({ what }) => what !== 'save')) crash?.(applied);
    for (const { crash } of applied ? saves : saves.slice(0, saves.length >> 1)) crash?.(true);
    const places = [...this.cells.keys()].map(placeOf);
    this.cells.clear();
    this.#timers = [];
    this.#life = { alive: true, staged: [] };
    this.bus = openBus(this.wire(), this.clock());
    for (const place of places) await this.start(defs, place);
  }
  /** Lets one of the waiting things happen. @returns false when nothing waits. */
  async step(choice: number): Promise<boolean> {
    await breathe();
    if (this.pending.length === 0) return this.tick();
    const [one] = this.pending.splice(choice % this.pending.length, 1);
    one!.run();
    await breathe();
    return true;
  }
}
