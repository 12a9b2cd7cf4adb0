/**
 * The commands a keeper holds: starts each id once, takes all output, enforces limits, writes down every exit.
 *
 * Order: keeper.json names the id, fsynced, before the process is made, and its pid and group right after; exits.ndjson
 * has the exit, fsynced, before anybody is told. So a keeper killed at any instant leaves either no trace of an id (it
 * never began) or enough for the next keeper to sweep it and to write it down as lost; an id never begins twice.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '../../runtime/identity.js';
import { openGate } from '../sandbox/gate.js';
import { type Bounds, bound } from './limits.js';
import { LogFile } from './log-file.js';
import { openPipe } from './pipe.js';
import { treeOf } from './processes.js';
import {
  type Applied,
  appendExit,
  type Command,
  type Exit,
  type ExitRecord,
  hashOf,
  type Kept,
  toExit,
} from './protocol.js';
import { send, sweep } from './sweep.js';

interface Held {
  applied: Applied;
  /** Its process is what keeps the command in, and ends by itself when that has ended. */
  isKept: boolean;
  exit: Exit | null;
  limit: Exit['limit'];
  /** Resolves once the process is made and written down. */
  started: Promise<void>;
  ended: Promise<Exit>;
  end: (exit: Exit) => void;
  /** Stops it for good, with the limit in its exit and the reason in its log. */
  over: (limit: NonNullable<Exit['limit']>, said: string) => void;
}
export interface CommandsOptions {
  bundle: string;
  run: string;
  /** Private, for pipes. */
  folder: string;
  exits: readonly ExitRecord[];
  /** Writes the living ones into keeper.json. */
  record: (living: Applied[]) => void;
  note: (text: string) => void;
}

/** How long a command stopped at its limit may take to end by itself. */
const LIMIT_GRACE_MS = 2_000;
/** How long output is awaited after an exit, when something else still holds the pipe. */
const DRAIN_MS = 150;
/** How often the limits that nobody else keeps are looked at. */
const LOOK_MS = 500;
const LONGEST_MS = 2 ** 31 - 1;

export class Commands {
  readonly #o: CommandsOptions;
  readonly #held = new Map<string, Held>();
  #count = 0;

  constructor(o: CommandsOptions) {
    this.#o = o;
    for (const record of o.exits) {
      const exit = toExit(record);
      const { id, pid, group, startTime, startedAt, shell, log } = record;
      const applied = { id, pid, group, startTime, startedAt, shell, log };
      this.#held.set(id, {
        applied,
        isKept: false,
        exit,
        limit: exit.limit,
        started: Promise.resolve(),
        ended: Promise.resolve(exit),
        end: () => {},
        over: () => {},
      });
    }
  }

  has = (id: string): boolean => this.#held.has(id);
  list = (): Kept[] =>
    [...this.#held.values()].filter(({ applied, exit }) => applied.pid > 0 || exit !== null).map(toKept);
  living = (): Applied[] => [...this.#held.values()].filter(({ exit }) => exit === null).map(({ applied }) => applied);
  ended = (id: string): Promise<Exit> => this.#held.get(id)!.ended;

  /** Starts a command, unless its id is known: then what is known is the answer. */
  async start(command: Command): Promise<Kept> {
    let held = this.#held.get(command.id);
    if (held === undefined) {
      let end!: Held['end'];
      const ended = new Promise<Exit>((resolve) => {
        end = resolve;
      });
      const { id, shell, log } = command;
      const applied = { id, pid: 0, group: 0, startTime: 0, startedAt: Date.now(), shell, log };
      const isKept = command.within.length > 0;
      held = { applied, isKept, exit: null, limit: null, started: Promise.resolve(), ended, end, over: () => {} };
      this.#held.set(id, held);
      held.started = this.#launch(held, command).catch((error) => {
        this.#held.delete(id); // nothing was started: the same id may be tried again
        throw error;
      });
    }
    await held.started;
    return toKept(held);
  }

  async #launch(held: Held, command: Command): Promise<void> {
    const log = new LogFile(command.log, command.logBytes);
    const bounds = bound(`${hashOf(this.#o.bundle)}-${process.pid}-${this.#count++}`, command.limits, command.cwd);
    if (bounds.lacking.length > 0) this.#o.note(`${command.id}: no limit here for ${bounds.lacking.join(', ')}`);
    const pipe = await openPipe(this.#o.folder).catch((error: Error) => {
      this.#o.note(`no pipe for ${command.id}, a socket pair instead: ${error.message}`);
      return null;
    });
    const gate =
      command.gate === null
        ? null
        : await openGate(command.gate, (text) => log.note(text)).catch((error: Error) => {
            log.note(`no gate: ${error.message}`); // it has no network then
            return null;
          });
    this.#o.record(this.living());
    const output = pipe === null ? 'pipe' : pipe.writer;
    let child: ChildProcess;
    try {
      const [program, ...args] = [...bounds.words, ...command.within, '/bin/sh', '-c', command.shell];
      child = spawn(program!, args, {
        cwd: command.cwd,
        env: { ...command.env, PWD: command.cwd, RR_RUN: this.#o.run, RR_STEP: command.id },
        stdio: ['ignore', output, output],
        detached: true,
      });
    } catch (error) {
      pipe?.reader.destroy();
      log.close();
      bounds.remove();
      gate?.close();
      throw error;
    } finally {
      if (pipe !== null) closeSync(pipe.writer);
    }
    const pid = child.pid ?? 0;
    Object.assign(held.applied, { pid, group: pid, startTime: startTimeOf(pid) ?? 0, startedAt: Date.now() });
    this.#watch(held, command, child, pipe === null ? [child.stdout!, child.stderr!] : [pipe.reader], log, bounds);
    if (pid > 0) this.#o.record(this.living());
    // What it left behind may still need the gate, which closes with the last of that.
    void held.ended.then(() => gate?.closeIfUnused());
  }

  /** Takes the output, keeps the limits, and writes down the exit. */
  #watch(
    held: Held,
    command: Command,
    child: ChildProcess,
    streams: NodeJS.ReadableStream[],
    log: LogFile,
    bounds: Bounds,
  ): void {
    const began = performance.now();
    let heard = began;
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;

    /** What the kernel has refused: a failure after that is put down to it. */
    let refused: Exit['limit'] = null;

    const over = (limit: NonNullable<Exit['limit']>, said: string): void => {
      clearTimeout(timer);
      if (held.limit !== null || held.exit !== null) return;
      held.limit = limit;
      log.note(`stopped: ${said}`);
      // What fills the disk would go on filling it.
      this.#endTree(held, limit === 'disk' ? 0 : LIMIT_GRACE_MS).catch((error: Error) =>
        this.#o.note(`${command.id}: ${error.message}`),
      );
    };
    held.over = over;
    const arm = (): void => {
      const now = performance.now();
      const wall = command.wallMs === null ? Number.POSITIVE_INFINITY : began + command.wallMs - now;
      const idle = command.idleMs === null ? Number.POSITIVE_INFINITY : heard + command.idleMs - now;
      if (wall <= 0) over('wall', `it took longer than ${command.wallMs} ms`);
      else if (idle <= 0) over('idle', `it printed nothing for ${command.idleMs} ms`);
      else if (Math.min(wall, idle) < Number.POSITIVE_INFINITY)
        timer = setTimeout(arm, Math.min(wall, idle, LONGEST_MS));
    };
    arm();
    const look = (): void => {
      for (const { limit, said, kept } of bounds.look(held.applied.pid)) {
        if (!kept) over(limit, said);
        else {
          refused = limit;
          log.note(`limited: ${said}`);
        }
      }
    };
    const looking = setInterval(look, LOOK_MS);

    const drained = streams.map(
      (stream) =>
        new Promise<void>((resolve) => {
          stream.on('data', (chunk: Buffer) => {
            heard = performance.now();
            bytes += chunk.length;
            log.write(chunk);
            if (command.outputBytes !== null && bytes > command.outputBytes && held.exit === null) {
              over('output', `it printed more than ${command.outputBytes} bytes`);
            }
          });
          stream.on('error', (error) => this.#o.note(`output of ${command.id}: ${error.message}`));
          stream.on('close', resolve);
        }),
    );
    // A daemon may hold the pipe long after its starter has ended: its output is taken to the end of both.
    Promise.all([...drained, held.ended])
      .then(() => log.close())
      .catch((error: Error) => this.#o.note(`log of ${command.id}: ${error.message}`));

    let finished = false;
    const finish = async (code: number | null, signal: string | null): Promise<void> => {
      if (finished) return;
      finished = true;
      const endedAt = Date.now();
      clearTimeout(timer);
      clearInterval(looking);
      await Promise.race([Promise.all(drained), sleep(DRAIN_MS)]);
      look();
      bounds.remove();
      const exit: Exit = {
        id: command.id,
        code,
        signal,
        limit: held.limit ?? (code === 0 ? null : refused),
        lost: false,
        startedAt: held.applied.startedAt,
        endedAt,
      };
      try {
        appendExit(this.#o.bundle, { ...held.applied, ...exit });
      } catch (error) {
        // Told all the same: with a full disk an exit kept in memory is better than none.
        this.#o.note(`exit of ${command.id} could not be written: ${(error as Error).message}`);
      }
      held.exit = exit;
      try {
        this.#o.record(this.living());
      } catch (error) {
        this.#o.note(`keeper.json could not be written: ${(error as Error).message}`); // exits.ndjson stands against it
      }
      held.end(exit);
    };
    child.on('exit', (code, signal) => {
      const [number, name] = held.isKept ? within(code, signal) : [code, signal];
      void finish(number, name);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return this.#o.note(`${command.id}: ${error.message}`);
      // It never began (no such folder, environment too large): an exit like the shell's own, with the reason in the log.
      log.note(`could not be started in ${command.cwd}: ${error.message}`);
      for (const stream of streams) (stream as { destroy?: () => void }).destroy?.();
      void finish(error.code === 'ENOENT' ? 127 : 126, null);
    });
  }

  /** Ends a command and everything that came of it: SIGTERM, and after `graceMs` SIGKILL. Also what an ended one left behind. */
  async stop(id: string, graceMs: number): Promise<Exit> {
    const held = this.#held.get(id)!;
    await held.started;
    await this.#endTree(held, graceMs);
    const ended = await Promise.race([held.ended, sleep(5_000, null, { ref: false })]);
    if (ended === null) throw new Error(`${id} (pid ${held.applied.pid}) does not end, not even by SIGKILL`);
    return ended;
  }

  /** Ends a command as one that went over a limit of its own; an ended one stays as it is. */
  async stopAtLimit(id: string, limit: NonNullable<Exit['limit']>, said: string): Promise<Exit> {
    const held = this.#held.get(id)!;
    await held.started;
    held.over(limit, said);
    return held.ended;
  }

  async #endTree(held: Held, graceMs: number): Promise<void> {
    const { id, pid, group, startTime } = held.applied;
    // Once the process is gone its pid may be another's; its group stays its own while it has members.
    const own = (): number => (held.exit === null || startTimeOf(pid) === startTime ? pid : 0);
    const ours = (): number => (own() > 0 || startTimeOf(group) === null ? group : 0);
    const tree = (): number[] => treeOf({ pid: own(), group: ours(), run: this.#o.run, id });
    const first = new Map((graceMs > 0 ? tree() : []).map((each) => [each, startTimeOf(each)]));
    // How the command ends is told by what keeps it in, which therefore stays until then.
    if (held.isKept && first.size > 1) first.delete(pid);
    for (const each of first.keys()) send(each, 'SIGTERM');
    // What was stopped (SIGSTOP) hears SIGTERM only once it goes on.
    for (const each of first.keys()) send(each, 'SIGCONT');
    const until = performance.now() + graceMs;
    for (let pause = 10; performance.now() < until; pause = Math.min(100, pause * 2)) {
      if (tree().length === 0) return;
      await sleep(Math.min(pause, Math.max(0, until - performance.now())));
    }
    const seen = [...first].filter(([each, began]) => startTimeOf(each) === began).map(([each]) => each);
    const { left } = await sweep({
      run: this.#o.run,
      id,
      roots: [own(), ...seen].filter((each) => each > 0),
      groups: ours() > 0 ? [group] : [],
    });
    if (left.length > 0) this.#o.note(`${id}: pids ${left.join(', ')} could not be ended`);
  }
}

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));
/** A sandbox tells a signal as shells do, by 128 and its number. */
const within = (code: number | null, signal: string | null): [number | null, string | null] => {
  const name = code === null ? undefined : names.get(code - 128);
  return name === undefined ? [code, signal] : [null, name];
};

const toKept = ({ applied, exit }: Held): Kept => {
  const { id, pid, group, startTime, shell, log } = applied;
  return { id, pid, group, startTime, alive: exit === null, exit, shell, log };
};
