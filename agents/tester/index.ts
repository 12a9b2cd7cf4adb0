/**
 * Tester: runs a service's own tests under the run's keeper and says how many passed, failed and were skipped.
 *
 * Says `tester.tested` whenever the command came to its end, whatever its exit code: what that means for the run is its
 * workflow's to judge. `tester.failed`: it was stopped at a limit, or could not be run.
 */
import { readFileSync } from 'node:fs';
import { setup as machineSetup } from 'xstate';
import { execute, failureOf } from '../../providers/process/execute.js';
import { plain, shorten } from '../../providers/process/tail.js';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import { Command, Ends, Fact, type Test } from './contract.js';
import { countsOf } from './counts/index.js';
import { reportsOf } from './reports.js';

type Told = { type: 'told'; fact: Fact };

const machine = machineSetup({
  types: { context: {} as Record<string, never>, events: {} as Test | Told | EffectFailed<'test'> },
  actions: { test: effect<Test>(), emit: effect<Fact>() },
}).createMachine({
  id: 'tester',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'tester.test': { actions: { type: 'test', params: ({ event }) => event } },
        told: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        testFailed: {
          actions: {
            type: 'emit',
            params: ({ event }) => ({ type: 'tester.failed', error: event.error, evidence: null }) as Fact,
          },
        },
      },
    },
  },
});

const EXCERPT_LINES = 15;
const EXCERPT_CHARS = 1_500;
/** Keeps runners from watching for changes and from colouring; has Go tell its tests at all. What the user gave wins. */
const asks = { CI: 'true', NO_COLOR: '1', GOFLAGS: '-v' };

const test: Perform<Test> = async (
  { service, cwd, command, framework, tools, envFile, env, hosts, reach },
  context,
): Promise<Message> => {
  const { buildWallMs: wallMs, idleMs } = context.config;
  const order = {
    n: 0,
    shell: command,
    cwd,
    // As if of a tool: whatever comes after it wins.
    tools: [{ bin: '', env: asks }, ...tools],
    env,
    envFile,
    hosts,
    reach,
    install: false,
    wallMs,
    idleMs,
    // A log of its own for each time: counts of another one are not this one's.
    log: `${service}.test-${context.id.split('/').at(-1)}.log`.replaceAll('/', '-'),
  };
  const { exit, ms, evidence } = await execute(context, order);
  const told = (fact: Fact): Message => ({ type: 'told', fact }) as Told;
  if (exit.limit !== null || exit.code === null)
    return told({ type: 'tester.failed', error: failureOf(evidence, { wallMs, idleMs }), evidence });
  const text = plain(readLog(evidence.log));
  const printed = countsOf(text, framework);
  const report = printed === null ? reportsOf(cwd, exit.startedAt) : null;
  const found = printed ?? (report && { framework: 'junit', counts: report });
  return told({
    type: 'tester.tested',
    tests: {
      command,
      framework: found?.framework ?? null,
      passed: found?.counts.passed ?? null,
      failed: found?.counts.failed ?? null,
      skipped: found?.counts.skipped ?? null,
      total: found?.counts.total ?? null,
      exitCode: exit.code,
      ms,
      excerpt: excerptOf(text),
    },
  });
};

/** All that is kept of a log, its predecessor first. */
const readLog = (path: string): string =>
  [`${path}.1`, path]
    .map((file) => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return ''; // it was never rotated, or it printed nothing
      }
    })
    .join('');
const excerptOf = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-EXCERPT_LINES)
    .map(shorten)
    .join('\n')
    .slice(-EXCERPT_CHARS);

export const tester = defineActor({
  kind: 'tester',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { test },
});
