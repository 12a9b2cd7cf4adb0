/** A script: statements one after the other, each waiting for what it asks; it ends at the first that fails. */
import { Console } from 'node:console';
import { Recoverable, start } from 'node:repl';
import { PassThrough } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import { inspect } from 'node:util';
import { fail } from '../../runtime/errors.js';
import type { Client } from '../cli/connect.js';
import { awaiting, recordOf } from './evaluate.js';
import { liveNames, openWatcher } from './live.js';
import { print, sentence } from './say.js';
import type { Ended, Session } from './session.js';
import { words } from './words.js';

const DEEP = 6;

/** @param lines as they come; a statement is evaluated as soon as it is whole. */
export async function runScript(session: Session, lines: AsyncIterable<string> | Iterable<string>): Promise<Ended> {
  const { json, commands } = session;
  const asked = new Set<Promise<unknown>>();
  const client = counted(session.client, asked);
  const watcher = openWatcher();
  client.facts((fact) => {
    if (watcher.hears(fact)) print(json ? JSON.stringify({ type: 'fact', fact }) : sentence(fact));
  });
  const server = start({ input: new PassThrough(), output: new PassThrough(), terminal: false, prompt: '' });
  // Node's own goes to the output of the server, which nobody reads.
  const console = new Console(json ? process.stderr : process.stdout, process.stderr);
  Object.assign(server.context, liveNames(client, watcher));
  Object.defineProperty(server.context, 'console', { value: console });
  let stray: { error: unknown } | null = null;
  let refuse: ((error: unknown) => void) | null = null;
  const evaluated = awaiting(server, (error) => {
    if (refuse) refuse(error);
    else stray ??= { error };
  });
  const evaluate = async (code: string): Promise<unknown> => {
    try {
      return await new Promise((resolve, reject) => {
        refuse = reject;
        evaluated.call(server, code, server.context, 'repl', (error, value: unknown) =>
          error ? reject(error) : resolve(value),
        );
      });
    } finally {
      refuse = null;
    }
  };

  let at = 0;
  let from = 0;
  /** Of a statement that is not whole yet. */
  let begun = '';
  const thrown = (error: unknown): Ended => {
    const record = recordOf(error);
    if (record.fix !== '') return { error: record, byItself: false };
    const fix = session.expression === null ? `mend the script at its line ${from}` : 'mend the expression';
    return { error: { ...record, fix }, byItself: true };
  };
  try {
    for await (const line of lines) {
      at += 1;
      if (begun === '') {
        if (line.trim() === '') continue;
        from = at;
        const command = /^\.([a-z]+)(?:\s+(.*))?$/.exec(line.trim());
        if (command) {
          const [, name, rest] = command as unknown as [string, string, string | undefined];
          if (name === 'exit') break;
          if (!commands[name])
            throw fail('USAGE', { met: `there is no command .${name}`, fix: 'rr --help lists them' });
          const code = await commands[name].run(words(rest ?? ''));
          if (code !== 0) return { code };
          continue;
        }
      }
      begun += `${line}\n`;
      try {
        const value = await evaluate(begun);
        begun = '';
        if (value !== undefined)
          print(json ? (JSON.stringify(value) ?? 'null') : inspect(value, { depth: DEEP, colors: false }));
      } catch (error) {
        if (!(error instanceof Recoverable)) throw error;
      }
    }
    // What is still not whole at the end is wrong.
    if (begun.trim() !== '')
      await evaluate(`${begun};`).catch((error: unknown) => {
        throw error instanceof Recoverable ? error.err : error;
      });
    while (asked.size > 0) await Promise.allSettled(asked); // also what no statement waited for
    await tick(); // one that was refused, and that nobody waits for, is heard of now
    return stray === null ? null : thrown((stray as { error: unknown }).error);
  } catch (error) {
    return thrown(error);
  } finally {
    server.close();
  }
}

/** A client that knows which of its questions have no answer yet. */
const counted = (client: Client, asked: Set<Promise<unknown>>): Client => ({
  ...client,
  call(verb, request, withinMs) {
    const answer = client.call(verb, request, withinMs);
    const settled = answer.then(
      () => void asked.delete(settled),
      () => void asked.delete(settled),
    );
    asked.add(settled);
    return answer.then((given) => given); // `answer` itself has a listener now, and would fail unheard
  },
});
