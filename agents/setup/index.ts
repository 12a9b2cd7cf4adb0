/** Setup agent: builds a service, command by command, with its environment. Says `setup.built`, or what failed with its output. */
import { setup as machineSetup } from 'xstate';
import { execute, failureOf } from '../../providers/process/execute.js';
import { readGiven } from '../../providers/secrets.js';
import { isOffline, offlineEnvironment } from '../../providers/toolchain/offline.js';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import { type Build, Command, Ends, Fact } from './contract.js';

type Told = { type: 'told'; fact: Fact };

const machine = machineSetup({
  types: { context: {} as Record<string, never>, events: {} as Build | Told | EffectFailed<'build'> },
  actions: { build: effect<Build>(), emit: effect<Fact>() },
}).createMachine({
  id: 'setup',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'setup.build': { actions: { type: 'build', params: ({ event }) => event } },
        told: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        buildFailed: {
          actions: {
            type: 'emit',
            params: ({ event }) => ({ type: 'setup.failed', error: event.error, evidence: null }) as Fact,
          },
        },
      },
    },
  },
});

const build: Perform<Build> = async ({ service, cwd, commands, tools, envFile, env }, context): Promise<Message> => {
  const { buildWallMs: wallMs, idleMs } = context.config;
  const done: { command: string; ms: number }[] = [];
  const offline = isOffline(await readGiven(context.bundle)) ? offlineEnvironment : {};
  for (const [n, shell] of commands.entries()) {
    const order = {
      n,
      shell,
      cwd,
      tools,
      env: { ...offline, ...env },
      envFile,
      install: false,
      wallMs,
      idleMs,
      log: `${service}.build.log`.replaceAll('/', '-'),
    };
    const { exit, ms, evidence } = await execute(context, order);
    if (exit.code !== 0)
      return {
        type: 'told',
        fact: { type: 'setup.failed', error: failureOf(evidence, { wallMs, idleMs }), evidence },
      } as Told;
    done.push({ command: shell, ms });
  }
  return { type: 'told', fact: { type: 'setup.built', commands: done } } as Told;
};

export const setup = defineActor({
  kind: 'setup',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { build },
});
