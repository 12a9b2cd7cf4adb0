/**
 * File agent: gets a repository's files and decides where a run may write.
 *
 * Hears `file.fetch` and `file.prepare`, each answered by one fact. The user's folder is only ever read; what is made is
 * `<bundle>/work`, there whole or not at all.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { Command, Ends, Fact, type Fetch, type Fetched, type Prepare, type Prepared } from './contract.js';
import { fetchSource } from './fetch.js';
import { prepareWorkspace } from './prepare.js';

type Got = { type: 'got'; fact: Fetched };
type Placed = { type: 'placed'; fact: Prepared };
type Event = Fetch | Prepare | Got | Placed | EffectFailed<'fetch'> | EffectFailed<'prepare'>;

const machine = setup({
  types: { context: {} as Record<never, never>, events: {} as Event },
  actions: { fetch: effect<Fetch>(), prepare: effect<Prepare>(), emit: effect<Fact>() },
}).createMachine({
  id: 'file',
  context: {},
  initial: 'up',
  states: {
    up: {
      on: {
        'file.fetch': { actions: { type: 'fetch', params: ({ event }) => event } },
        'file.prepare': { actions: { type: 'prepare', params: ({ event }) => event } },
        got: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        placed: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        fetchFailed: {
          actions: { type: 'emit', params: ({ event }): Fact => ({ type: 'file.failed', error: event.error }) },
        },
        prepareFailed: {
          actions: { type: 'emit', params: ({ event }): Fact => ({ type: 'file.failed', error: event.error }) },
        },
      },
    },
  },
});

const fetch: Perform<Fetch> = async ({ source, ref }, { bundle, signal }): Promise<Got> => ({
  type: 'got',
  fact: await fetchSource({ source: await withItsPassword(source, bundle), ref, bundle, signal }),
});

/** A URL's password waits in the run's folder: it is in no message. */
async function withItsPassword(source: string, bundle: string): Promise<string> {
  const text = await readFile(join(bundle, 'inputs', 'source.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? source : (JSON.parse(text) as { source: string }).source;
}

const prepare: Perform<Prepare> = async ({ type: _, ...wanted }, { bundle, config, signal }): Promise<Placed> => ({
  type: 'placed',
  fact: await prepareWorkspace({ ...wanted, bundle, state: config.state, signal }),
});

export const file = defineActor({
  kind: 'file',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { fetch, prepare },
});
