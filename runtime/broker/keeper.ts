/**
 * The broker's keeper as a program: `node keeper.js <folder> <nats-server> <version> <from>`. Loading it runs it.
 * Exit code 0: it has done its work, or another keeper holds the folder; 1: the server could not be kept, the reason
 * is the last line it wrote. It is told to end by SIGTERM or SIGINT. RR_BROKER_IDLE_MS comes with the environment of
 * whoever starts it: the settings themselves would need more than built-ins to read.
 */
import process from 'node:process';
import { keep } from './keep.js';

const [folder, program, version, from] = process.argv.slice(2);
if (!folder || !program || !version || !from) throw new Error('usage: keeper <folder> <nats-server> <version> <from>');

process.umask(0o077);
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.abort());
process.on('SIGHUP', () => {}); // the terminal it was started from may close

const say = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${process.pid} ${line}\n`);
const idleMs = Number(process.env.RR_BROKER_IDLE_MS) || 10_000;
keep({ folder, program, version, from, idleMs, signal: ending.signal, say }).then(
  () => process.exit(0),
  (error: Error) => {
    say(error.message);
    process.exit(1);
  },
);
