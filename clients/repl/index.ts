/**
 * `rr repl`: the runtime at a prompt. Everything goes through the front door, so it may sit on another machine.
 *
 * Three ways in: a person at a terminal, with completion, a history and facts above the line being typed; a script on
 * standard input, whose statements wait for what they ask; one expression by `--eval`. A script ends at its first error.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { type REPLServer, Recoverable, start } from 'node:repl';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { type ErrorRecord, toRecord } from '../../runtime/errors.js';
import type { Client, Told } from '../cli/connect.js';
import { completer } from './complete.js';
import { liveNames, openWatcher } from './live.js';

/** As long as the history may take to be written. */
const HISTORY_MS = 500;

export interface Session {
  client: Client;
  /** One JSON value a line on stdout instead of what people read. */
  json: boolean;
  /** Folder of the history file. */
  cache: string;
  /** Evaluates this and ends. */
  expression: string | null;
  /** The CLI's commands by name, for `.ps`, `.run PATH` and so on: carried out in this process. */
  commands: Record<string, { about: string; run(args: string[]): Promise<void> }>;
}
/** What a statement threw; null: all went well. */
export type Ended = ErrorRecord | null;

export async function openRepl(session: Session): Promise<Ended> {
  const { expression } = session;
  if (expression !== null) return evaluateAll(session, [expression]);
  if (process.stdin.isTTY) return interactive(session);
  return evaluateAll(session, (await text(process.stdin)).split('\n'));
}

/**
 * Evaluates as node's own REPL does, with top-level await; what it gives is awaited. Throws what the code throws, and
 * Recoverable when it is not whole yet. What code throws at once goes to the REPL's domain instead of its callback.
 * @param stray hears what is thrown while nothing is being evaluated, by timers of a session.
 */
function evaluator(server: REPLServer, stray: (error: unknown) => void): (code: string) => Promise<unknown> {
  const own = server.eval;
  const { _domain: domain } = server as unknown as { _domain: NodeJS.EventEmitter };
  let refuse: ((error: unknown) => void) | null = null;
  domain.removeAllListeners('error');
  domain.on('error', (error: unknown) => (refuse ?? stray)(error));
  return async (code) => {
    try {
      return await new Promise((resolve, reject) => {
        refuse = reject;
        own.call(server, code, server.context, 'repl', (error, value: unknown) => {
          if (error) reject(error);
          else Promise.resolve(value).then(resolve, reject);
        });
      });
    } finally {
      refuse = null;
    }
  };
}

async function evaluateAll({ client, json, commands }: Session, lines: string[]): Promise<Ended> {
  const watcher = openWatcher();
  const server = start({ input: new PassThrough(), output: new PassThrough(), terminal: false, prompt: '' });
  Object.assign(server.context, liveNames(client, watcher));
  client.facts((fact) => {
    if (watcher.hears(fact)) print(json ? JSON.stringify({ type: 'fact', fact }) : sentence(fact));
  });
  let stray: unknown = null;
  const evaluate = evaluator(server, (error) => {
    stray ??= error;
  });
  let waiting = '';
  try {
    for (const line of lines) {
      if (waiting === '' && line.trim() === '') continue;
      const dot = waiting === '' ? /^\.([a-z]+)(?:\s+(.*))?$/.exec(line.trim()) : null;
      if (dot && commands[dot[1]!]) {
        await commands[dot[1]!]!.run(words(dot[2] ?? ''));
        continue;
      }
      waiting += `${line}\n`;
      try {
        const value = await evaluate(waiting);
        if (value !== undefined) print(json ? JSON.stringify(value) : inspect(value, { depth: 6, colors: false }));
        waiting = '';
      } catch (error) {
        if (!(error instanceof Recoverable)) throw error;
      }
    }
    if (waiting.trim() !== '') await evaluate(`${waiting};`).catch(syntax);
    return stray === null ? null : recordOf(stray);
  } catch (error) {
    return recordOf(error);
  } finally {
    server.close();
  }
}
/** What is still not whole when a script ends is wrong. */
const syntax = (error: unknown): never => {
  throw error instanceof Recoverable ? error.err : error;
};

async function interactive(session: Session): Promise<Ended> {
  const { client, cache, commands } = session;
  const watcher = openWatcher();
  watcher.watch('*/run/*');
  const names = liveNames(client, watcher);
  const server = start({ prompt: 'rr> ', preview: false, breakEvalOnSigint: true });
  Object.assign(server.context, names);
  const evaluate = evaluator(server, (error) => above(server, recordOf(error).message));
  let begun = '';
  const clear = server.clearBufferedCommand;
  server.clearBufferedCommand = () => {
    begun = '';
    clear.call(server);
  };
  const evaluated: REPLServer['eval'] = (code, _context, _file, done) => {
    evaluate(code).then(
      (value) => done(null, value),
      (error: unknown) => {
        if (error instanceof Recoverable) {
          begun = code;
          return done(error, undefined);
        }
        const { message, fix, code: name } = recordOf(error);
        process.stdout.write(fix === '' ? `${message}\n` : `${message}\n    fix: ${fix}  [${name}]\n`);
        done(null, undefined);
      },
    );
  };
  Object.assign(server, { eval: evaluated });
  const around = {
    client,
    context: server.context,
    makers: names,
    before: () => begun,
    commands: Object.keys(commands),
  };
  (server as { completer: unknown }).completer = completer(around, server.completer as never);
  mkdirSync(cache, { recursive: true });
  server.setupHistory(join(cache, 'repl_history'), () => undefined); // without a history it works as well
  for (const [name, { about, run }] of Object.entries(commands))
    server.defineCommand(name, {
      help: about,
      action(args) {
        this.clearBufferedCommand();
        void run(words(args))
          .catch((error: unknown) => print(recordOf(error).message))
          .finally(() => this.displayPrompt());
      },
    });
  client.facts((fact) => {
    if (watcher.hears(fact)) above(server, sentence(fact));
  });
  // The history is written between the two.
  await new Promise<void>((resolve) => {
    server.once('exit', resolve).once('close', () => setTimeout(resolve, HISTORY_MS));
  });
  return null;
}

/** Prints a line above the prompt; what is being typed stays as it is, cursor and all. */
function above(server: REPLServer, line: string): void {
  const { output } = server as unknown as { output: NodeJS.WritableStream };
  const { rows } = server.getCursorPos();
  cursorTo(output, 0);
  if (rows > 0) moveCursor(output, 0, -rows);
  clearScreenDown(output);
  output.write(`${line}\n`);
  server.prompt(true);
}

/** A fact in one line. */
export function sentence({ at, from, type, payload }: Told): string {
  const about = JSON.stringify(payload);
  return `${at.slice(11, 19)} ${from} ${type} ${about.length > 160 ? `${about.slice(0, 157)}…` : about}`;
}
const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Words as a shell divides them: by blanks, but within quotes. */
export const words = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) =>
    double !== undefined ? double.replace(/\\(.)/g, '$1') : (single ?? bare ?? ''),
  );
/** Errors of ours as they are; what the code itself threw as it says. */
function recordOf(error: unknown): ErrorRecord {
  if ((error as { fix?: unknown } | null)?.fix !== undefined) return toRecord(error);
  const { name = 'Error', message = String(error) } = (error ?? {}) as Error;
  return { code: 'USAGE', message: `${name}: ${message}`, fix: '' };
}
