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

export interface Around {
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
