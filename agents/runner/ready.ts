/** Waiting until an application that is up says itself that it can be used: a command of its compose file ends with 0. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Executed, execute, type Order } from '../../providers/process/execute.js';
import { tail } from '../../providers/process/tail.js';
import type { EffectContext } from '../../runtime/actor.js';
import { fail, type RunnerError } from '../../runtime/errors.js';
import { quote } from '../../runtime/shell.js';
import type { Ready } from '../detection/contract.js';

/** Of a shell: there is no such program here, or it is none. What cannot be asked is not waited for. */
const UNASKABLE: readonly (number | null)[] = [126, 127];
/** Numbers of its commands in one effect, above those of others. */
const FIRST = 100;
const LINES = 3;
const BYTES = 4 * 1024;
const LOOK_MS = 100;

/**
 * The command with the port at which the application really listens. Pure.
 * @param declared ports of the image; they stand in the command as `localhost:3000`, `-p 3000`, `localhost 3000`.
 */
export function askedHere(command: string, declared: readonly number[], port: number | null): string {
  if (port === null) return command;
  return declared.reduce(
    (text, number) =>
      text.replace(
        new RegExp(`((?:localhost|127\\.0\\.0\\.1|0\\.0\\.0\\.0)[: ]|-p ?|--port[= ])${number}\\b`, 'g'),
        `$1${port}`,
      ),
    command,
  );
}

/**
 * Asks at once and then as often as it says, from the order of the application: in its folder, with its variables, kept in as it is.
 * @returns null once it can be used, when it has ended, or when it cannot be asked here; else why it is given up.
 */
export async function awaitReady(
  { command, everyMs, timeoutMs, tries, graceMs, graceEveryMs }: Omit<Ready, 'from'>,
  order: Order,
  isUp: () => Promise<boolean>,
  context: EffectContext,
): Promise<RunnerError | null> {
  const { clock, signal } = context;
  const began = clock.now();
  for (let n = 0, failures = 0; ; n += 1) {
    const { exit, evidence } = await ask(n);
    if (exit.code === 0 || UNASKABLE.includes(exit.code)) return null;
    const isGrace = clock.now() - began < graceMs;
    // The first is asked before its time, so that who is ready at once is not waited for.
    if (!isGrace && n > 0) failures += 1;
    if (failures >= tries) {
      const said = tail(evidence.log, LINES, BYTES).filter((line) => line.trim() !== '');
      const how = exit.limit === null ? `exit code ${exit.code}` : `no end within ${timeoutMs / 1_000} s`;
      return fail('NOT_PROVEN', {
        met: `its healthcheck \`${command}\` failed ${failures} times: ${said.at(-1) ?? how}`,
        wanted: 'it to end with 0',
        fix: 'run it by hand in the folder of the service to see why; it stands in the compose file',
      });
    }
    for (const until = clock.now() + (isGrace ? graceEveryMs : everyMs); clock.now() < until; ) {
      if (!(await isUp())) return null;
      await sleep(Math.min(LOOK_MS, Math.max(1, until - clock.now())), undefined, { signal });
    }
  }
  function ask(n: number): Promise<Executed> {
    const log = order.log.replace(/(?:\.log)?$/, '.health.log');
    const shell = `sh -c ${quote(command)}`;
    return execute(context, { ...order, n: FIRST + n, shell, wallMs: timeoutMs, idleMs: null, log });
  }
}
