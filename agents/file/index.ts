/**
 * File agent: gets a repository's files and decides where a run may write.
 *
 * Hears `file.fetch` and `file.prepare`, each answered by one fact. The user's folder is only ever read; what is made is
 * `<bundle>/work`, there whole or not at all.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setup } from 'xstate';
import { decide, readDecided, wantedBy } from '../../providers/sandbox/index.js';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { contain } from './contain.js';
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

const prepare: Perform<Prepare> = async ({ type: _, ...wanted }, context): Promise<Placed> => {
  const { bundle, config, signal, log } = context;
  const fact = await prepareWorkspace({ ...wanted, bundle, state: config.state, signal });
  // Now, before any command of the repository has run: what is read here is still as we or git made it.
  const alsoRead = fact.kind === 'copy' ? await objectsOf(fact.root) : [];
  const place = { bundle, workspace: fact.root, inPlace: fact.kind === 'local', alsoRead };
  const isContained = wantedBy(bundle).isolation === 'container' && readDecided(bundle)?.workspace !== fact.root;
  const container = isContained ? await contain(fact.root, context) : null;
  const { said } = await decide(place, config, (line) => log.info(line), container);
  return { type: 'placed', fact: { ...fact, sandbox: said } };
};

/** Where the git of a copy finds the objects of the first repository. */
async function objectsOf(root: string): Promise<string[]> {
  const text = await readFile(join(root, '.git', 'objects', 'info', 'alternates'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''; // no git, or one of its own
      throw error;
    },
  );
  return text.split('\n').filter((line) => line !== '');
}

export const file = defineActor({
  kind: 'file',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { fetch, prepare },
});
