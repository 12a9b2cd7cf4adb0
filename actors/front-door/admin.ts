/** Actors at the front door. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { withoutNetwork } from '../../agents/custom/confine.js';
import { customAgent } from '../../agents/custom/index.js';
import { invalid, readManifest } from '../../agents/custom/manifest.js';
import type { ActorDefinition, Message } from '../../runtime/actor.js';
import { revive } from '../../runtime/bus.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { addressOf, main, placeOf } from '../../runtime/subjects.js';
import type { Fact as AdminFact } from '../admin/contract.js';
import { type AdminContext, type Custom, founders } from '../admin/index.js';
import type { Around, Handlers } from './around.js';
import type { adminVerbs } from './contract-admin.js';

export function adminHandlers({
  bus,
  system,
  store,
  config,
  clock,
  definitions,
  customs,
  ask,
}: Around): Handlers<keyof typeof adminVerbs> {
  const described = ({ kind, version, accepts }: ActorDefinition) => {
    const schema = z.toJSONSchema(accepts, { io: 'input', unrepresentable: 'any' });
    return { kind, version, hears: heard(schema), schema };
  };
  // Once somebody asks: all their schemas take as long as the rest of the front door.
  let own: (ReturnType<typeof described> & { custom: null })[] | null = null;
  const custom = (known: Custom) => {
    const { role, tools } = known.manifest;
    const offline = !tools.includes('network') && withoutNetwork().length > 0;
    return {
      ...described(customAgent(known)),
      custom: { role, state: known.state, problems: known.problems, tools: [...tools], offline },
    };
  };
  return {
    'admin.tree': async () => ({ host: config.host, actors: system.living() }),
    async 'admin.decisions'() {
      const context = system.cell(main('admin'))?.state().state.context as AdminContext | undefined;
      return { open: Object.values(context?.open ?? {}), made: context?.decisions ?? [] };
    },
    async 'admin.decide'(answer, user) {
      const fact = (await ask(main('admin'), { type: 'admin.decide', ...answer, by: user } as Message)) as AdminFact;
      if (fact.type === 'admin.refused') throw revive(fact.error);
      const { address, decision } = fact as Extract<AdminFact, { type: 'admin.decided' }>;
      return { address, decision };
    },
    async 'admin.kinds'() {
      own ??= Object.values(definitions).map((def) => ({ ...described(def), custom: null }));
      return { kinds: [...own, ...Object.values(customs()).map(custom)] };
    },
    async 'admin.actor'({ address }) {
      const alive = system.cell(address);
      const saved = alive?.state() ?? (await store.load(placeOf(address)));
      if (!saved) throw fail('ACTOR_UNKNOWN', { address });
      const { version, epoch, turn, at, state, owed, open } = saved;
      return {
        address,
        alive: alive !== null || system.sleeps(address),
        version,
        epoch,
        turn,
        at,
        state: { ...state },
        owed: owed.map((e) => ({ ...e })),
        open,
      };
    },
    async 'admin.send'({ address, command, withinMs, id }) {
      // Of a run's actors the run's own host says so; a name of the system that nobody bears would be waited for.
      if (placeOf(address).run === 'sys' && !system.living().some((one) => one.address === address))
        throw fail('NO_ACTOR', { address });
      const about = { deadlineAt: clock.now() + withinMs, from: 'front-door', ...(id === undefined ? {} : { id }) };
      const fact = await bus.ask(address, command, about);
      return { fact: { ...fact } };
    },
    async 'admin.spawn'({ kind, id = `${kind}-${randomBytes(3).toString('hex')}`, run, input, restart, group }) {
      if (!(kind in definitions) && !(kind in customs()))
        throw fail('USAGE', { met: `no kind of actor is called ${kind}`, fix: 'rr admin kinds lists them' });
      const actor = {
        run,
        kind,
        id,
        ...(input === undefined ? {} : { input }),
        ...(restart ? { restart } : {}),
        ...(group ? { group } : {}),
      };
      const address = addressOf(actor);
      const { failed } = (await ask(main('admin'), {
        type: 'admin.spawn',
        batch: address,
        actors: [actor],
      } as Message)) as Message & { failed: { error: ErrorRecord }[] };
      if (failed[0]) throw revive(failed[0].error);
      return { address };
    },
    async 'admin.enlist'({ source }) {
      const { name } = readManifest(source);
      if (name in definitions) throw invalid(source, `${name} is one of our own kinds`);
      const fact = (await ask(main('admin'), { type: 'admin.enlist', source } as Message)) as AdminFact;
      if (fact.type === 'admin.refused') throw revive(fact.error);
      const { type: _, ...answer } = fact as Extract<AdminFact, { type: 'admin.enlisted' }>;
      return answer;
    },
    async 'admin.unlist'({ kind }) {
      if (!(kind in customs()))
        throw fail('USAGE', { met: `no kind made at run time is called ${kind}`, fix: 'rr admin kinds lists them' });
      await ask(main('admin'), { type: 'admin.unlist', kind } as Message);
      return { kind };
    },
    async 'admin.restart'({ address }) {
      await system.restart(address);
      return { address, turn: system.cell(address)?.state().turn ?? 0 };
    },
    async 'admin.stop'({ address }) {
      const own = [...founders.map(addressOf), main('admin'), addressOf({ run: 'sys', kind: 'host', id: config.host })];
      if (own.includes(address))
        throw fail('USAGE', { met: `${address} belongs to every system`, fix: 'rr admin restart starts it anew' });
      const { run, kind } = placeOf(address);
      if (kind === 'run') throw fail('USAGE', { met: `${address} leads its run`, fix: `rr stop ${run} ends it` });
      const isKnown = system.cell(address) !== null || system.sleeps(address) || (await store.load(placeOf(address)));
      if (!isKnown) throw fail('ACTOR_UNKNOWN', { address });
      await ask(main('admin'), { type: 'admin.remove', address } as Message);
      await system.stop(address); // ordered already: this waits for it
      return { address };
    },
  };
}

/** The types of the commands a schema takes. */
function heard(schema: object): string[] {
  const { anyOf, oneOf, properties } = schema as {
    anyOf?: object[];
    oneOf?: object[];
    properties?: { type?: { const?: string } };
  };
  const type = properties?.type?.const;
  return [...(type === undefined ? [] : [type]), ...[...(anyOf ?? []), ...(oneOf ?? [])].flatMap(heard)];
}
