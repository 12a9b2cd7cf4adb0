/** The memory of actors at the front door: read where it is newest, which for the living is in this process. */
import { existsSync } from 'node:fs';
import { bundleOf } from '../../checkpoints/bundle.js';
import type { Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { main, placeOf } from '../../runtime/subjects.js';
import { type Inspection, inspection, type Living } from '../inspect.js';
import type { Around, Handlers } from './around.js';
import type { checkpointVerbs } from './contract-checkpoints.js';
import { prepareFork } from './fork.js';
import { newRunId } from './runs.js';

export function checkpointHandlers({
  system,
  config,
  clock,
  ask,
  store,
}: Around): Handlers<keyof typeof checkpointVerbs | 'runs.timeline' | 'runs.export'> {
  const registry = (): Record<string, unknown> =>
    (system.cell(main('admin'))?.state().state.context as { registry?: Record<string, unknown> } | undefined)
      ?.registry ?? {};
  const living: Living = {
    tail: () =>
      new Map(
        system.living().flatMap(({ address }) => {
          const checkpoint = system.cell(address)?.state();
          return checkpoint ? [[address, checkpoint] as const] : [];
        }),
      ),
    async stop(address) {
      await system.stop(address);
      await store.caughtUp(); // its newest version is read from its file
    },
    async start(address) {
      const root = address === main('admin') || address === `sys/host/${config.host}`;
      if (!root && !(address in registry())) return false; // its run has ended
      await system.start(placeOf(address), root ? null : `sys/host/${config.host}`);
      return true;
    },
    commit: (checkpoint, audit) => store.commit({ checkpoint, facts: [], audit }),
  };
  return {
    ...withinMessage(inspection(config, living), store),
    async 'checkpoints.fork'({ run, from, job, env, as }, user) {
      const id = as ?? newRunId(clock.now());
      const taken = fail('USAGE', { met: `there is a run ${id} already`, fix: 'choose another id, or none' });
      if (existsSync(bundleOf(config.state, id))) throw taken;
      const wanted = { run, from, job, env, user, as: id };
      const { seed, bundle, kept, again, ...forked } = await prepareFork(config.state, living.tail(), wanted);
      const at = clock.now();
      await ask(
        main('orchestrator'),
        { type: 'orchestrator.submit', run: id, job: forked.job, bundle, slots: config.slots, at, seed } as Message,
        `submit/${id}`,
      );
      return { run: id, kept, again };
    },
  };
}

/** A message of a broker takes 1 MB unless it was told otherwise. */
const MOST_BYTES = 1_000_000;
const smaller: Record<string, string> = {
  'checkpoints.list': 'name a run: rr checkpoints list RUN',
  'checkpoints.show': 'ask for a part of its context: --path FIELD',
};
/** Answers that are too large for a message are refused by name, before the broker refuses them without one. */
function withinMessage(handlers: Inspection, store: Around['store']): Inspection {
  const limited = Object.entries(handlers).map(([verb, handler]) => [
    verb,
    async (request: never, user: string) => {
      await store.caughtUp(); // what is read of those who do not live any more
      const answer = await (handler as (request: never, user: string) => Promise<object>)(request, user);
      const met = Buffer.byteLength(JSON.stringify(answer));
      const fix = smaller[verb] ?? 'look at one version of it: rr checkpoints show ADDRESS@VERSION --path FIELD';
      if (met > MOST_BYTES) throw fail('ANSWER_LARGE', { met, wanted: MOST_BYTES, fix });
      return answer;
    },
  ]);
  return Object.fromEntries(limited) as Inspection;
}
