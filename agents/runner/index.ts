/**
 * Runner: starts the application under the run's keeper, finds where it really listens, watches for its end, and ends
 * everything of the run when told to.
 *
 * The keeper outlives the runtime. A watch that is performed by another process than the one that began it finds the
 * application again, says `runner.adopted`, and goes on watching; the application notices nothing.
 */
import { assign, setup } from 'xstate';
import { defineActor, type EffectFailed, effect } from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { Command, type Command as Commands, Ends, Fact } from './contract.js';
import { type Begin, end, halt, type Seen, start, type Told, type Watching, watch } from './effects.js';

type End = { root: string | null; ports: number[] };
const failed = (error: ErrorRecord): Fact => ({ type: 'runner.failed', error, evidence: null });

const machine = setup({
  types: {
    /** `since`: by application, the process that started it or last found it. */
    context: {} as { ports: number[]; since: Record<string, string> },
    events: {} as Commands | Told | Seen | EffectFailed<'start' | 'watch' | 'halt' | 'end'>,
  },
  actions: {
    start: effect<Begin>(),
    watch: effect<Watching>(),
    halt: effect<{ app?: string | undefined }>(),
    end: effect<End>(),
    emit: effect<Fact>(),
  },
}).createMachine({
  id: 'runner',
  context: { ports: [], since: {} },
  initial: 'ready',
  states: {
    ready: {
      on: {
        'runner.start': { actions: { type: 'start', params: ({ event }) => event } },
        'runner.watch': {
          actions: {
            type: 'watch',
            params: ({ context, event }) => ({ app: event.app, since: context.since[event.app] ?? null }),
          },
        },
        'runner.halt': { actions: { type: 'halt', params: ({ event: { app } }) => ({ app }) } },
        'runner.sweep': {
          actions: { type: 'end', params: ({ context, event }) => ({ root: event.root, ports: context.ports }) },
        },
        told: {
          actions: [
            // Ports an application of ours was seen to hold: whoever holds them at the end is ours too.
            assign(({ context, event: { fact, since } }) =>
              fact.type === 'runner.started'
                ? {
                    since: { ...context.since, [fact.app]: since },
                    ports: [...context.ports, ...fact.sockets.map(({ port }) => port)],
                  }
                : {},
            ),
            { type: 'emit', params: ({ event }) => event.fact },
          ],
        },
        seen: {
          actions: [
            assign(({ context, event: { app, since } }) => ({ since: { ...context.since, [app]: since } })),
            {
              type: 'emit',
              params: ({ event: { adopted, app, pid } }) =>
                adopted ? ({ type: 'runner.adopted', app, pid } as Fact) : [],
            },
            { type: 'watch', params: ({ event: { app, since } }) => ({ app, since }) },
          ],
        },
        startFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        watchFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        haltFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        endFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
      },
    },
  },
});

export const runner = defineActor({
  kind: 'runner',
  version: 2,
  // Version 1 held one application.
  migrate: ({ value, context }) => ({ value, context: { ...(context as object), since: {} } }),
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { start, watch, halt, end },
});
