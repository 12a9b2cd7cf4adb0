/** Evaluation as node's own REPL does it, with top-level await; what a statement gives is awaited. */
import type { REPLServer } from 'node:repl';
import { types } from 'node:util';
import { type ErrorRecord, toRecord } from '../../runtime/errors.js';

type Eval = REPLServer['eval'];
type Done = Parameters<Eval>[3];

/** Where the promise that a statement gave is kept while node awaits it. */
const awaited = Symbol.for('rr.awaited');

/**
 * An `eval` for a REPL server: as its own, but a promise is awaited by node's own `await`, which keeps keys that are
 * pressed meanwhile for later and lets Ctrl-C give the waiting up. What ends at once ends at once here too: a text that is
 * pasted is evaluated line by line.
 *
 * What the code throws goes to the domain of the server and not to `done`, which is for code that does not parse.
 * @param hear what is thrown, at once or while it is awaited, and by timers and promises that nobody waits for.
 */
export function awaiting(server: REPLServer, hear: (error: unknown) => void): Eval {
  const own = server.eval;
  const { _domain: domain } = server as unknown as { _domain: NodeJS.EventEmitter };
  domain.removeAllListeners('error');
  domain.on('error', hear);
  return (code, context, file, done) =>
    own.call(server, code, context, file, (error, value: unknown) => {
      if (error || !types.isPromise(value)) return done(error, value);
      // To node, what is refused with nothing is not refused.
      const whole = value.catch((reason: unknown) => Promise.reject(reason || new Error(String(reason))));
      Object.defineProperty(context, awaited, { value: whole, configurable: true });
      own.call(server, 'await globalThis[Symbol.for("rr.awaited")]\n', context, file, done as Done);
    });
}

/** Errors of ours as they are; what the code itself threw as it says, without a fix. */
export function recordOf(error: unknown): ErrorRecord {
  if ((error as { fix?: unknown } | null)?.fix !== undefined) return toRecord(error);
  const { name = 'Error', message = String(error) } = (error ?? {}) as Error;
  return { code: 'USAGE', message: `${name}: ${message}`, fix: '' };
}
