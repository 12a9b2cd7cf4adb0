/**
 * Dependency agent: gets the tools a service asks for and installs its packages, in the order it is given.
 *
 * Hears `dependency.equip` and `dependency.install`; says what it got, or the one command that failed with its output.
 * Commands run under the run's keeper, so a restart finds an install still at work and waits for it.
 */
import { setup } from 'xstate';
import { execute, failureOf, foreseen } from '../../providers/process/execute.js';
import { readGiven, withSecrets } from '../../providers/secrets.js';
import { FetchFailure, findTool, getPackages, type ToolName } from '../../providers/toolchain/index.js';
import { isOffline, offlineEnvironment } from '../../providers/toolchain/offline.js';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { GENERATE } from '../fixer/contract.js';
import { Command, type Command as Commands, Ends, Fact, type Tool } from './contract.js';
import { setUpNode } from './node-setup.js';

type Equip = Extract<Commands, { type: 'dependency.equip' }>;
type Install = Extract<Commands, { type: 'dependency.install' }>;
type Told = { type: 'told'; fact: Fact };
const failed = (error: ErrorRecord): Fact => ({ type: 'dependency.failed', error, evidence: null });

const machine = setup({
  types: { context: {} as Record<string, never>, events: {} as Commands | Told | EffectFailed<'equip' | 'install'> },
  actions: { equip: effect<Equip>(), install: effect<Install>(), emit: effect<Fact>() },
}).createMachine({
  id: 'dependency',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'dependency.equip': { actions: { type: 'equip', params: ({ event }) => event } },
        'dependency.install': { actions: { type: 'install', params: ({ event }) => event } },
        told: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        equipFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
        installFailed: { actions: { type: 'emit', params: ({ event }) => failed(event.error) } },
      },
    },
  },
});

const equip: Perform<Equip> = async (
  { wants, relaxed, packages },
  { config, signal, log, bundle },
): Promise<Message> => {
  const tools: Tool[] = [];
  const offline = isOffline(await readGiven(bundle));
  try {
    for (const { tool, want, from } of wants)
      tools.push(
        await findTool({
          tool: tool as ToolName,
          want,
          from,
          cache: config.cache,
          signal,
          say: (line) => log.info(line),
          allowDegraded: relaxed.includes(tool),
          offline,
        }),
      );
    if (packages.length > 0)
      tools.push(...(await systemPackages(packages, config.cache, offline, signal, (line) => log.info(line))));
  } catch (error) {
    return { type: 'told', fact: failed(foreseen(error)) } as Told;
  }
  return { type: 'told', fact: { type: 'dependency.equipped', tools } } as Told;
};

/** One entry a package, of which the first has what finds them all. */
async function systemPackages(
  packages: readonly string[],
  cache: string,
  offline: boolean,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Tool[]> {
  try {
    const { versions, bin, env, origin } = await getPackages(packages, { cache, offline, signal, say });
    return Object.entries(versions).map(([tool, version], n) => ({
      tool,
      version,
      bin,
      env: n === 0 ? env : {},
      origin,
      degraded: null,
    }));
  } catch (error) {
    if (!(error instanceof FetchFailure)) throw error;
    throw fail(
      'TOOL_MISSING',
      {
        tool: packages.join(', '),
        wanted: "of Debian's packages",
        from: 'a repair of this run',
        met: `none: ${error.message}`,
        fix: `install it (apt-get install ${packages.join(' ')}), then run again`,
      },
      error,
    );
  }
}

const install: Perform<Install> = async ({ service, cwd, commands, tools, env }, context): Promise<Message> => {
  const { installWallMs: wallMs, idleMs } = context.config;
  const done: { command: string; ms: number }[] = [];
  const { NODE_ENV: _, ...given } = await readGiven(context.bundle); // it says how to run, and would leave out what builds
  const asked = { ...given, ...(await withSecrets(env, GENERATE, context.bundle)) };
  const setup = await setUpNode({ cwd, commands, tools, given: asked });
  if (setup.missing !== null) return { type: 'told', fact: failed(setup.missing) } as Told;
  const own = { CI: '1', ...(isOffline(given) ? offlineEnvironment : {}), ...setup.env, ...asked };
  for (const [n, shell] of commands.entries()) {
    const order = {
      n,
      shell,
      cwd,
      tools,
      env: own,
      envFile: null,
      install: true,
      wallMs,
      idleMs,
      log: `${service}.install.log`.replaceAll('/', '-'),
    };
    const { exit, ms, evidence } = await execute(context, order);
    if (exit.code !== 0) {
      // Not every tool says that it was kept off the network, and whoever looks for the cause has only its words.
      const known = isOffline(given)
        ? { ...evidence, tail: `${evidence.tail}\n[offline] nothing was fetched` }
        : evidence;
      const error = failureOf(evidence, { wallMs, idleMs });
      return { type: 'told', fact: { type: 'dependency.failed', error, evidence: known } } as Told;
    }
    done.push({ command: shell, ms });
  }
  return { type: 'told', fact: { type: 'dependency.installed', commands: done, notes: setup.notes } } as Told;
};

export const dependency = defineActor({
  kind: 'dependency',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { equip, install },
});
