import type { Spawn } from './actor.js';
import type { Bus } from './bus.js';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import type { ErrorRecord } from './errors.js';
import type { Log } from './log.js';
import type { Envelope } from './message.js';
import type { Reported } from './quarantine.js';
import type { Store } from './store.js';

/** What the runtime gives a cell. */
export interface Surroundings {
  bus: Bus;
  store: Store;
  clock: Clock;
  /** The actor's log, made when it is first asked for: most actors never write a line. */
  log(): Log;
  config: Config;
  /** Folder of the run. */
  bundle: string;
  spawn(spawn: Spawn, parent: string): Promise<void>;
  stop(address: string, cause?: ErrorRecord): Promise<void>;
  /** The answer to a command of this actor's is part of its own durable state now. */
  heard(from: string, command: string): void;
  /** Marks a message as being taken, so that one that ends the process is known at the next start. False: quarantined. */
  taking(address: string, id: string): boolean;
  taken(address: string, id: string): void;
  /** Keeps a message that could not be taken. */
  deadLetter(address: string, message: Envelope | Reported, error: ErrorRecord): void;
  /** The cell cannot go on: whoever started it decides. */
  died(error: unknown): void;
}
