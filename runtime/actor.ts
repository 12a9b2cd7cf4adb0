/**
 * What an actor is: a definition (data), never a class to inherit.
 *
 * The machine says when things happen and names effects; the runtime decides by XState's pure transition, writes
 * the checkpoint with the effects still owed, and only then performs them (see turn.ts). This file holds the words:
 * the definition, what an effect may see, the built-in effects, and the refusals.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { z } from 'zod';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import { type ErrorRecord, fail } from './errors.js';
import type { Log } from './log.js';
import type { Restart, Supervision } from './supervise.js';

export type Message = { type: string };

export interface EffectContext {
  /** Unique for ever, `<run>/<kind>/<id>/<epoch>.<turn>.<n>`; the same when the effect is repeated after a crash. */
  id: string;
  /** The id of the message that led here. */
  causation: string | null;
  /**
   * Fires when the actor stops: what the effect started under a keeper lives on; what it holds in memory must end.
   * Fires, too, when the command that led here is still open at its deadline: nobody waits for this any more.
   */
  signal: AbortSignal;
  /** Epoch ms of that deadline; null: no open command led here. */
  deadlineAt: number | null;
  run: string;
  address: string;
  /** Absolute path of the run's folder `runs/<run>`; for system actors the state folder. */
  bundle: string;
  config: Config;
  clock: Clock;
  log: Log;
}
/** Carries out one effect and reports what it saw as a private event. It decides nothing. */
export type Perform<P = never> = (params: P, ctx: EffectContext) => Promise<Message>;

export interface ActorDefinition {
  kind: string;
  /** Of the machine's states and context. An unknown version in a checkpoint is migrated or refused. */
  version: number;
  /** The commands it hears. */
  accepts: z.ZodType<Message>;
  /** The facts it says. */
  emits: z.ZodType<Message>;
  /** The facts that end a command. */
  ends: readonly string[];
  /** Command type → the fact that ends every open command of that type, whoever caused it; for those who wait. */
  endsAll?: Readonly<Record<string, string>>;
  /** It is looked into or told things without a message, so it never sleeps. */
  awake?: boolean;
  /** Whether all of its run is over and need not be found in files, if it never was written to any. */
  leavesNothing?: (context: never) => boolean;
  machine: AnyStateMachine;
  effects: Record<string, Perform>;
  /** From an older version's `{value, context}` to this one's; absent: refused. */
  migrate?: (state: { value: unknown; context: unknown }, from: number) => { value: unknown; context: unknown };
}

/**
 * The built-in effects, beside an actor's own. Params may be a list: one effect each, none for an empty list.
 * - `emit`: params is the fact.
 * - `ask`: sends a command and reports `answered {tag, fact, error}`; repeats until answered or `deadlineAt` (epoch ms).
 * - `spawn`: starts an actor on this host and reports `spawned {address, tag, error}`. `stop`: stops one, reports `stopped {address}`.
 */
export const builtIn = ['emit', 'ask', 'spawn', 'stop'] as const;
export interface Ask {
  to: string;
  command: Message;
  /** Epoch ms; or `withinMs` from the turn that asks, which the runtime makes a `deadlineAt` in the checkpoint. */
  deadlineAt?: number;
  withinMs?: number;
  tag: string;
}
export interface Spawn {
  run: string;
  kind: string;
  id: string;
  input?: unknown;
  /** What becomes of it when it dies; default permanent. */
  restart?: Restart;
  /** Who is restarted with it: the actors of its run in the group of that name. Default: it stands alone. */
  group?: Group;
  /** Comes back with `spawned`. */
  tag?: string;
}
export interface Group extends Supervision {
  name: string;
}
export interface Stop {
  address: string;
  /** Why; whoever asks it something hears that instead of nothing. */
  cause?: ErrorRecord;
}
/** What the runtime reports bears the time, since a machine has no clock: `at` is epoch ms. */
export type Answered = { type: 'answered'; tag: string; fact: Message | null; error: ErrorRecord | null; at: number };
export type Spawned = {
  type: 'spawned';
  address: string;
  tag: string | null;
  error: ErrorRecord | null;
  at: number;
};
export type Stopped = { type: 'stopped'; address: string; at: number };
/** An actor started by this one died too often to be restarted. */
export type ChildDied = { type: 'childDied'; address: string; error: ErrorRecord; at: number };
/** An actor started by this one has ended and is not started again: it was temporary. */
export type ChildLeft = { type: 'childLeft'; address: string; at: number };
/** Sent by the runtime when `context.dueAt` (epoch ms) has come. */
export type Due = { type: 'due'; at: number };
/** What an effect that threw unforeseen reports, where the machine takes it; else the runtime ends the command with it. */
export type EffectFailed<N extends string> = { type: `${N}Failed`; error: ErrorRecord };

/** Declares a machine action that the runtime, not the machine, carries out. */
export const effect =
  <P>() =>
  (_: unknown, _params: P | readonly P[]): void => {};

/**
 * Checks a definition and gives it back.
 * @throws MACHINE_REFUSED when the machine uses what does not survive a restart (measured with XState 5.33): `invoke`,
 * `after`, delayed raise, spawn, sendTo, XState's emit, history states, inline actions, actions nobody performs.
 */
export function defineActor(definition: ActorDefinition): ActorDefinition {
  const { kind, machine, effects } = definition;
  const refuse = (met: string, fix: string): never => {
    throw fail('MACHINE_REFUSED', { kind, met, fix });
  };
  const named = new Set<string>([...builtIn, ...Object.keys(effects)]);
  const implementations = machine.implementations.actions as Record<string, unknown>;

  const check = (action: unknown, where: string): void => {
    if (typeof action === 'function') return checkBuiltIn(action as { type?: string; delay?: unknown }, where);
    const type = typeof action === 'string' ? action : (action as { type: string }).type;
    if (named.has(type)) return;
    const implementation = implementations[type];
    if (implementation === undefined)
      refuse(`the action ${type} in ${where}, which nobody performs`, 'name an effect of the definition');
    checkBuiltIn(implementation as { type?: string; delay?: unknown }, where);
  };
  const checkBuiltIn = (action: { type?: string; delay?: unknown }, where: string): void => {
    if (action.type === 'xstate.assign') return;
    if (action.type === 'xstate.raise') {
      if (action.delay !== undefined) refuse(`a delayed raise in ${where}`, 'keep a due time in context.dueAt');
      return;
    }
    refuse(`${action.type ?? 'an inline action'} in ${where}`, 'use assign, an undelayed raise, or a named effect');
  };
  const walk = (node: AnyStateNode): void => {
    const where = node.id;
    if (node.type === 'history') refuse(`a history state in ${where}`, 'keep what to return to in the context');
    if (node.invoke.length > 0) refuse(`invoke in ${where}`, 'name an effect and take the event it reports');
    if (node.after.length > 0) refuse(`after in ${where}`, 'keep a due time in context.dueAt');
    for (const action of [...node.entry, ...node.exit]) check(action, where);
    for (const transitions of node.transitions.values())
      for (const { actions } of transitions) for (const action of actions) check(action, where);
    for (const { actions } of node.always ?? []) for (const action of actions) check(action, where);
    for (const { actions } of node.initial?.target ? [node.initial] : [])
      for (const action of actions) check(action, where);
    for (const child of Object.values(node.states)) walk(child);
  };
  walk(machine.root as unknown as AnyStateNode);
  for (const name of Object.keys(effects))
    if ((builtIn as readonly string[]).includes(name))
      refuse(`an effect called ${name}`, 'choose another name: that one is built in');
  return Object.freeze(definition);
}
