/** What the services of the front door work with. */
import type { ActorDefinition, Message } from '../../runtime/actor.js';
import type { Bus } from '../../runtime/bus.js';
import type { Clock } from '../../runtime/clock.js';
import type { Config } from '../../runtime/config.js';
import type { Store } from '../../runtime/store.js';
import type { System } from '../../runtime/system.js';
import type { Registry } from '../../workflows/registry.js';
import type { Custom } from '../admin/index.js';
import type { Request, Response, Verb } from './contract.js';

/** The process that a front door belongs to, and its end. */
export interface Life {
  /** Epoch ms. */
  startedAt: number;
  /** It goes on when its runs have ended. */
  stays: boolean;
  /** It takes no new jobs. */
  draining: boolean;
  /** Jobs that are being taken at this moment. */
  taking: number;
  /** Runs that have not ended. */
  openRuns(): string[];
  /** Has a run's keeper end all it holds by itself. */
  abandon(run: string): void;
  leave(): void;
}
export interface Around {
  life: Life;

  bus: Bus;
  system: System;
  store: Store;
  config: Config;
  workflows: Registry;
  clock: Clock;
  definitions: Readonly<Record<string, ActorDefinition>>;
  /** Kinds made at run time. */
  customs(): Record<string, Custom>;
  /** Asks an actor until its end is known, 30 s long. @param id makes a repeat the same command. */
  ask(to: string, command: Message, id?: string): Promise<Message>;
}
/** One function a verb; what it throws is the answer's error. */
export type Handlers<V extends Verb> = { [K in V]: (request: Request<K>, user: string) => Promise<Response<K>> };
