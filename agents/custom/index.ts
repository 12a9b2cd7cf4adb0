/**
 * A custom agent: hears `<name>.do` with an input as its manifest's schema says, has its module do it, and says
 * `<name>.done` with the output or `<name>.failed` with the error. It does one thing at a time.
 */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import {
  type ActorDefinition,
  defineActor,
  type EffectFailed,
  effect,
  type Message,
  type Perform,
} from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { confine, type Given } from './confine.js';
import { type Kind, schemaOf } from './manifest.js';

interface Do {
  type: string;
  input: unknown;
  workspace?: string;
}
type Done = { type: 'done'; given: Given };
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });

/** @throws MANIFEST_INVALID when a schema is none. */
export function customAgent(kind: Kind): ActorDefinition {
  const { name, version, input, output, entry } = kind.manifest;
  const fact = (given: { output: unknown } | { error: ErrorRecord }): Message =>
    'error' in given
      ? ({ type: `${name}.failed`, error: given.error } as Message)
      : ({ type: `${name}.done`, output: given.output } as Message);
  const machine = setup({
    types: { context: {} as { done: number }, events: {} as Do | Done | EffectFailed<'do'> },
    actions: { do: effect<Do>(), emit: effect<Message>() },
  }).createMachine({
    id: name,
    context: { done: 0 },
    initial: 'up',
    states: {
      up: { on: { [`${name}.do`]: { actions: { type: 'do', params: ({ event }) => event as Do }, target: 'busy' } } },
      busy: {
        on: {
          done: {
            target: 'up',
            actions: [
              assign({ done: ({ context }) => context.done + 1 }),
              { type: 'emit', params: ({ event }) => fact((event as Done).given) },
            ],
          },
          doFailed: {
            target: 'up',
            actions: { type: 'emit', params: ({ event }) => fact(event as { error: ErrorRecord }) },
          },
        },
      },
    },
  });
  const perform: Perform<Do> = async ({ input: given, workspace }, { signal }): Promise<Done> => ({
    type: 'done',
    given: await confine(kind, given, workspace ?? null, signal),
  });
  return defineActor({
    kind: name,
    version,
    accepts: z.strictObject({
      type: z.literal(`${name}.do`),
      input: schemaOf(entry, 'input', input),
      workspace: z.string().startsWith('/').optional(),
    }) as z.ZodType<Message>,
    emits: z.union([
      z.strictObject({ type: z.literal(`${name}.done`), output: schemaOf(entry, 'output', output) }),
      z.strictObject({ type: z.literal(`${name}.failed`), error: failure }),
    ]) as z.ZodType<Message>,
    ends: [`${name}.done`, `${name}.failed`],
    machine,
    effects: { do: perform },
  });
}
