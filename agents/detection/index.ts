/**
 * Detection agent: says which services a repository holds, how each is installed, built and started, and on what
 * evidence. It reads files and runs nothing; the same files always give the same answer, so a look may be repeated.
 */
import { setup } from 'xstate';
import type { z } from 'zod';
import { findEngine } from '../../providers/engine/find.js';
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
    return { type: 'looked', seen: await onThisMachine(detect(tree, { repository, service })), error: null };
  } catch (error) {
    if (error instanceof RunnerError) return { type: 'looked', seen: null, error: error.toRecord() };
    throw error;
  }
};

/** What only a container engine can run is left out where none answers, and that is noted. */
async function onThisMachine(seen: Seen): Promise<Seen> {
  const isContained = seen.hints.some((hint) => hint.about === 'member' && hint.container !== undefined);
  const { found, looked } = isContained ? await findEngine() : { found: null, looked: [] };
  return isContained && found === null ? withoutEngine(seen, looked.join('; ')) : seen;
}
export function withoutEngine(seen: Seen, why: string): Seen {
  const lost: string[] = [];
  const hints = seen.hints.flatMap((hint): Seen['hints'] => {
    if (hint.about !== 'member' || hint.container === undefined) return [hint];
    const { container, alone, ...rest } = hint;
    if (alone !== true) return [rest];
    lost.push(`${hint.from}: ${hint.name} (${container.image ?? 'an image that is built'}) is left out: ${why}`);
    return [];
  });
  return { ...seen, hints, notes: [...seen.notes, ...lost] };
}

export const detection = defineActor({
  kind: 'detection',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { look },
});
