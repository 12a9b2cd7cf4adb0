/**
 * The REPL of a person at a terminal. What is told meanwhile appears above the line that is being typed, which stays as it
 * is; while a statement is evaluated it appears as it comes, and while a command of the CLI has the terminal not at all.
 */

import { Console } from 'node:console';
import { join } from 'node:path';
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { type REPLServer, Recoverable, start } from 'node:repl';
import { Writable } from 'node:stream';
import { columns, wrapped } from '../cli/paint.js';
import { completer } from './complete.js';
import { awaiting, recordOf } from './evaluate.js';
import { openHistory } from './history.js';
import { liveNames, openWatcher } from './live.js';
import { print, sentence } from './say.js';
import type { Ended, Session } from './session.js';
import { words } from './words.js';

const HISTORY = 1_000;
const DEEP = 6;
const GIVEN_UP = 'ERR_SCRIPT_EXECUTION_INTERRUPTED';

/** What node's REPL has beside what it says it has. */
type Server = REPLServer & {
  history: string[];
  lines: { level: unknown[] };
  output: NodeJS.WritableStream;
  prevRows: number;
  writer: { options: { depth: number } };
  _setRawMode(on: boolean): boolean;
};

export async function openPrompt({ client, cache, commands, over }: Session): Promise<Ended> {
  const watcher = openWatcher();
  watcher.watch('*/run/*');
  const names = liveNames(client, watcher);
  for (const line of wrapped(`${Object.keys(names).join('() ')}()`, columns())) print(line);
  print('Tab completes, .help lists the commands, Ctrl-D leaves');
  const options = { prompt: 'rr> ', preview: false, breakEvalOnSigint: true, historySize: HISTORY };
  const server = start(options) as Server;
  Object.assign(server.context, names);
  const colorMode = process.stdout.isTTY && !process.env.NO_COLOR;
  /** What timers and the like print comes while somebody types. */
  const printed = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      if (at === 'line') above(server, text.replace(/\n$/, ''));
      else process.stdout.write(text);
      done();
    },
  });
  Object.defineProperty(server.context, 'console', { value: new Console({ stdout: printed, colorMode }) });
  server.writer.options.depth = DEEP;

  /** Who has the terminal: the line being typed, a statement, or a command of the CLI. */
  let at: 'line' | 'statement' | 'command' = 'line';
  const tell = (line: string): void => {
    if (at === 'line') above(server, line);
    else if (at === 'statement') print(line);
  };
  /** Ends a statement that failed, with a new line to type. */
  const failed = (error: unknown): void => {
    print(faultOf(error));
    server.clearBufferedCommand();
    server.lines.level = [];
    server.displayPrompt();
  };
  const evaluated = awaiting(server, (error) => {
    if (at !== 'statement') return tell(faultOf(error));
    at = 'line';
    failed(error);
  });
  /** Lines of the statement before this one. */
  let begun = '';
  const clear = server.clearBufferedCommand;
  server.clearBufferedCommand = () => {
    begun = '';
    clear.call(server);
  };
  const evalHere: REPLServer['eval'] = function (this: REPLServer, code, context, file, done) {
    at = 'statement';
    evaluated.call(this, code, context, file, (error, value) => {
      if (error instanceof Recoverable) begun = code;
      else if (error) return done(error, undefined); // told by the server's domain
      at = 'line';
      done(error, value);
    });
  };
  Object.assign(server, { eval: evalHere });
  const around = {
    client,
    context: server.context,
    makers: names,
    before: () => begun,
    commands: Object.fromEntries(Object.entries(commands).map(([name, { below }]) => [name, below])),
  };
  Object.assign(server, { completer: completer(around, server.completer as never) });

  const history = openHistory(join(cache, 'repl_history'));
  server.history = history.lines;
  server.on('line', history.add);

  for (const [name, { about, run }] of Object.entries(commands))
    server.defineCommand(name, {
      help: about,
      action(rest) {
        this.clearBufferedCommand();
        at = 'command';
        lend(server, async () => run(words(rest))).then(
          () => {
            at = 'line';
            server.displayPrompt();
          },
          (error: unknown) => {
            at = 'line';
            failed(error);
          },
        );
      },
    });
  // Node 20 does not count the rows that a line grows by while it is typed, and would draw it anew too far down.
  const count = (): void => {
    server.prevRows = server.getCursorPos().rows;
  };
  process.stdin.on('keypress', count);
  client.facts((fact) => {
    if (watcher.hears(fact)) tell(sentence(fact));
  });
  client.line((isThere) =>
    tell(isThere ? 'the broker is back' : 'the broker is away; what is asked now waits until it is back'),
  );
  const left = new Promise<null>((resolve) => void server.once('exit', () => resolve(null)));
  const ended = await Promise.race([left, over]);
  process.stdin.off('keypress', count);
  server.close();
  return ended;
}

/** Leaves the terminal to a command: its Ctrl-C reaches the command, and not us. */
async function lend(server: Server, command: () => Promise<unknown>): Promise<void> {
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  server.pause();
  server._setRawMode(false);
  try {
    await command();
  } finally {
    server._setRawMode(true);
    server.resume();
    process.off('SIGINT', ignore);
  }
}

/** Prints a line above the prompt; what is being typed stays as it is, cursor and all. */
function above(server: Server, line: string): void {
  const { output } = server;
  const { rows } = server.getCursorPos();
  cursorTo(output, 0);
  if (rows > 0) moveCursor(output, 0, -rows);
  clearScreenDown(output);
  output.write(`${line}\n`);
  server.prevRows = 0; // else it would go up that many rows to draw the line anew, over what was just printed
  server.prompt(true);
}

function faultOf(error: unknown): string {
  if ((error as { code?: unknown } | null)?.code === GIVEN_UP) return 'given up; what was asked of the runtime goes on';
  const { message, fix, code } = recordOf(error);
  return fix === '' ? message : `${message}\n    fix: ${fix}  [${code}]`;
}
