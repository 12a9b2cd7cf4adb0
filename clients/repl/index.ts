/**
 * `rr repl`: the runtime at a prompt. Everything goes through the front door, so it may sit on another machine.
 *
 * Three ways in: a person at a terminal, with completion, a history and facts above the line being typed; a script on
 * standard input, whose statements wait for what they ask; one expression by `--eval`. A script ends at its first error.
 */
import { createInterface } from 'node:readline';
import { openPrompt } from './prompt.js';
import { runScript } from './script.js';
import type { Ended, Session } from './session.js';

export async function openRepl(session: Session): Promise<Ended> {
  const { expression, over } = session;
  if (expression !== null) return Promise.race([runScript(session, [expression]), over]);
  if (process.stdin.isTTY) return openPrompt(session);
  return Promise.race([runScript(session, createInterface({ input: process.stdin })), over]);
}
