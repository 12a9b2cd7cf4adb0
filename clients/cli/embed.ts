/**
 * A runtime inside the CLI's own process, where none is reachable. The one client file that may import actors/, and only
 * when it is needed: loading the whole house takes longer than starting a broker, so both are done at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '../../actors/doctor.js';
import type { Checked, CheckOptions, Exported } from '../../actors/exports/check.js';
import { type Request, type Response, verbs } from '../../actors/front-door/contract.js';
import type { Explained } from '../../actors/front-door/contract-fixes.js';
import type { RunLine } from '../../actors/front-door/contract-runs.js';
import type { LogsWanted } from '../../actors/logs.js';
import type { Runtime } from '../../actors/main.js';
import type { Plan } from '../../agents/detection/contract.js';
import { openBroker } from '../../runtime/broker/start.js';
import type { Config } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import { parse } from '../../runtime/message.js';
import { type Client, clientOf, hostLog, reach } from './connect.js';

export const diagnose = async (config: Config): Promise<Check[]> =>
  (await import('../../actors/doctor.js')).diagnose(config);
export const planOf = async (root: string, service: string | null): Promise<Plan> =>
  (await import('../../actors/plan.js')).planOf(root, service);

/** What a failure comes from. @throws RUN_UNKNOWN */
export const explainOf = async (config: Config, what: { run: string } | { text: string }): Promise<Explained[]> => {
  const { explainRun, explainText } = await import('../../actors/explain.js');
  return 'run' in what ? explainRun(config.state, what.run) : [explainText(what.text)];
};
/** What is wrong with a file of rules. */
export const checkRules = async (file: string, text: string) =>
  (await import('../../actors/explain.js')).readRules(file, text);
export const runIsHere = async ({ state }: Config, run: string): Promise<boolean> =>
  (await import('../../actors/at-rest.js')).fromDisk(state, run) !== null;
/** What was learned on this machine. */
export const fixesOf = async ({ learned }: Config) => {
  const { forget, readLearned } = await import('../../actors/explain.js');
  return { read: () => readLearned(learned), forget: (id: string) => forget(learned, id) };
};

/** The state folder itself, where no runtime is: what it is asked, it answers as a runtime would. */
export async function folderOf(config: Config) {
  const { folderOnly, inspection } = await import('../../actors/inspect.js');
  const asked = inspection(config, null);
  const ask = <V extends keyof typeof asked>(verb: V, request: Partial<Request<V>>): Promise<Response<V>> => {
    const handler = asked[verb] as (request: Request<V>, user: string) => Promise<Response<V>>;
    return handler(parse(verbs[verb].request as never, request), 'cli');
  };
  return { asked, ask, ...folderOnly(config) };
}

const doorTo = async (config: Config) => {
  const [{ workflowsOf }, door] = await Promise.all([
    import('../../actors/workflows.js'),
    import('../../actors/front-door/workflows.js'),
  ]);
  return { ...door, registry: workflowsOf(config.state) };
};
/** Every workflow of the state folder, as `workflows.list` tells them. */
export const listWorkflows = async (config: Config) => {
  const { registry, lineOf } = await doorTo(config);
  return registry.all().map((one) => lineOf(registry, one));
};
/** @throws WORKFLOW_UNKNOWN, WORKFLOW_INVALID */
export const showWorkflow = async (config: Config, name: string) => {
  const { registry, showOf } = await doorTo(config);
  return showOf(registry, name);
};
/** @param text of a definition, JSON or YAML. */
export const checkWorkflow = async (config: Config, text: string): Promise<{ name: string; faults: string[] }> => {
  const { registry } = await doorTo(config);
  return registry.checkText(text);
};
/** Carries an export out on a clean copy. @throws EXPORT_BROKEN and what check.ts says. */
export const checkExport = async (config: Config, exported: Exported, options: CheckOptions): Promise<Checked> =>
  (await import('../../actors/exports/check.js')).checkExport(config, exported, options);
export const runsAtRest = async (state: string, all = false): Promise<RunLine[]> =>
  (await import('../../actors/at-rest.js')).runsAtRest(state, all);
/** The private databases of a run, also of one that has ended. @throws RUN_UNKNOWN */
export const databasesAtRest = async (state: string, run: string): Promise<Response<'databases.list'>> =>
  (await import('../../actors/front-door/databases.js')).databasesOf(state, run);
/** Whether a server of a kind is ready where it should be. */
export const databaseReady = async (kind: string, host: string, port: number): Promise<boolean> => {
  const [{ serviceKinds }, { isReady }] = await Promise.all([
    import('../../providers/services/index.js'),
    import('../../providers/services/ready.js'),
  ]);
  const one = serviceKinds[kind]!;
  const wish = { logins: [{ ...one.login, user: one.login.user || 'nobody' }] };
  return isReady(one, { host, port, data: '', folder: '', fresh: false }, wish);
};
/** Why a kind of service has no client, and what to do instead; null: its client is a program that is not here. */
export const withoutClient = async (kind: string, what: 'shell' | 'dump'): Promise<string | null> =>
  (await import('../../providers/services/index.js')).serviceKinds[kind]?.without?.[what] ?? null;
/** Logs from the disk go over no wire. */
const LOCAL_BYTES = 8 * 1024 * 1024;
/** Whether a run of this folder has ended; and its logs. Both need no runtime. */
export const restingRun = async (state: string, run: string) => {
  const [{ hasEnded }, { readLogs }, { bundleOf }] = await Promise.all([
    import('../../actors/at-rest.js'),
    import('../../actors/logs.js'),
    import('../../checkpoints/bundle.js'),
  ]);
  return {
    ended: () => hasEnded(state, run),
    logs: (request: LogsWanted) => readLogs(bundleOf(state, run), request, LOCAL_BYTES),
  };
};

export type { Runtime };
export interface Reached {
  client: Client;
  /** null: it lives in another process. */
  runtime: Runtime | null;
}

/** The runtime of the state folder: the one that is up, or one of our own. */
export async function reachOrEmbed(config: Config, say: (line: string) => void): Promise<Reached> {
  for (let attempt = 0; ; attempt += 1) {
    const client = await reach(config);
    if (client) return { client, runtime: null };
    try {
      return await embed(config, say);
    } catch (error) {
      // Another process is just starting one: it will be reachable in a moment.
      if ((error as { code?: string }).code !== 'HOST_TAKEN' || attempt >= 25) throw error;
      await sleep(200);
    }
  }
}

/** @param stays it goes on when its runs have ended. */
export async function embed(
  config: Config,
  say: (line: string) => void,
  stays = false,
): Promise<Reached & { runtime: Runtime }> {
  const [, { startRuntime }] = await Promise.all([openBroker(config, say), import('../../actors/main.js')]);
  const log = openLog(config.logLevel, hostLog(config));
  const runtime = await startRuntime({ config, log, say, stays });
  return { runtime, client: await clientOf(runtime.broker) };
}
