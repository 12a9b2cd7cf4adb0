/**
 * Detection agent: says which services a repository holds, how each is installed, built and started, and on what
 * evidence. It reads files and runs nothing; the same files always give the same answer, so a look may be repeated.
 */
import { setup } from 'xstate';
import type { z } from 'zod';
import { openTree } from '../../providers/tree.js';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { type ErrorRecord, RunnerError } from '../../runtime/errors.js';
import { Command, type Detect, type Detected, Ends, Fact } from './contract.js';
import { detect } from './detect.js';

type Look = { root: string; repository: string; service: string | null };
type Seen = Omit<z.infer<typeof Detected>, 'type'>;
type Looked = { type: 'looked'; seen: Seen | null; error: ErrorRecord | null };

// Behaviour
export const conclude = ({ seen, error }: Looked): Fact =>
  seen === null ? { type: 'detection.failed', error: error! } : { type: 'detection.detected', ...seen };

// Machine
const machine = setup({
  types: { events: {} as Detect | Looked | EffectFailed<'look'> },
  actions: { look: effect<Look>(), emit: effect<Fact>() },
}).createMachine({
  id: 'detection',
  initial: 'idle',
  states: {
    idle: {
      on: {
        'detection.detect': {
          target: 'looking',
          actions: {
            type: 'look',
            params: ({ event: { root, repository, service } }) => ({ root, repository, service }),
          },
        },
      },
    },
    looking: {
      on: {
        looked: { target: 'idle', actions: { type: 'emit', params: ({ event }) => conclude(event) } },
        lookFailed: {
          target: 'idle',
          actions: { type: 'emit', params: ({ event }) => ({ type: 'detection.failed', error: event.error }) },
        },
      },
    },
  },
});

// Effects: what is foreseen (no such folder, an unknown service) is reported; anything else is our fault and thrown.
const look: Perform<Look> = async ({ root, repository, service }): Promise<Looked> => {
  try {
    const tree = await openTree(root);
    return { type: 'looked', seen: detect(tree, { repository, service }), error: null };
  } catch (error) {
    if (error instanceof RunnerError) return { type: 'looked', seen: null, error: error.toRecord() };
    throw error;
  }
};

export const detection = defineActor({
  kind: 'detection',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { look },
});
