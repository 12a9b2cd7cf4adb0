/** `rr db …`: the private databases of a run: where they are, a prompt into one, everything in it on standard output. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../../actors/front-door/contract-databases.js';
import { fail } from '../../../runtime/errors.js';
import { reach } from '../connect.js';
import { databaseReady, databasesAtRest, runsAtRest, withoutClient } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

export interface DbOptions {
  kind?: string;
}
const READY_MS = 60_000;
const GRACE_MS = 10_000;
/** What its server ends with when another one holds its data (flock in its command). */
const HELD_EXIT = 75;

/** @param wanted a run; undefined: the newest that has any. */
async function look(
  { config }: Globals,
  wanted: string | undefined,
  { kind }: DbOptions,
): Promise<{ run: string; databases: Database[] }> {
  const client = await reach(config);
  try {
    const runs =
      wanted === undefined
        ? (client ? (await client.call('runs.list', { all: true })).runs : await runsAtRest(config.state, true)).map(
            ({ run }) => run,
          )
        : [wanted];
    for (const run of runs) {
      const one = client ? await client.call('databases.list', { run }) : await databasesAtRest(config.state, run);
      const has = one.databases.some((each) => kind === undefined || each.kind === kind);
      if (wanted !== undefined || has) return one;
    }
  } finally {
    await client?.close();
  }
  throw fail('USAGE', {
    met: `no run of this state folder has a ${kind ?? 'database'}`,
    fix: 'rr run one that needs a database; see docs/services.md',
  });
}
/** The one that is meant: the only one of its kind, a real database before a cache. */
function choose(run: string, databases: Database[], { kind }: DbOptions): Database {
  const order = ['postgres', 'mysql', 'mongodb', 'redis'];
  const rank = (one: Database): number => (order.indexOf(one.kind) + order.length + 1) % (order.length + 1);
  const fits = databases.filter((one) => kind === undefined || one.kind === kind).sort((a, b) => rank(a) - rank(b));
  if (fits[0] !== undefined) return fits[0];
  const has = databases.map((one) => one.kind).join(', ') || 'none';
  throw fail('USAGE', {
    met: `the run ${run} has no ${kind ?? 'database'}, it has ${has}`,
    fix: 'choose one with --kind, or give another run',
  });
}

export async function url(globals: Globals, wanted: string | undefined, options: DbOptions): Promise<number> {
  const { run, databases } = await look(globals, wanted, options);
  const shown = options.kind === undefined && globals.json ? databases : [choose(run, databases, options)];
  for (const { kind, url: address, up, data } of shown)
    process.stdout.write(
      globals.json ? `${JSON.stringify({ type: 'database', run, kind, url: address, up, data })}\n` : `${address}\n`,
    );
  return codes.ok;
}
export const shell = (globals: Globals, run: string | undefined, options: DbOptions): Promise<number> =>
  enter(globals, run, options, 'shell');
export const dump = (globals: Globals, run: string | undefined, options: DbOptions): Promise<number> =>
  enter(globals, run, options, 'dump');

async function enter(
  globals: Globals,
  wanted: string | undefined,
  options: DbOptions,
  what: 'shell' | 'dump',
): Promise<number> {
  const { run, databases } = await look(globals, wanted, options);
  const one = choose(run, databases, options);
  const client = one[what];
  if (client === null) {
    const why = await withoutClient(one.kind, what);
    if (why !== null) throw fail('USAGE', { met: `there is no rr db ${what} for ${one.kind}`, fix: why });
    throw fail('TOOL_MISSING', {
      tool: `a client of ${one.kind}`,
      wanted: 'of any version',
      from: `rr db ${what}`,
      met: 'none',
      fix: `install one, or use the address with a program of your own: rr db url ${run} --kind ${one.kind}`,
    });
  }
  const server = one.up ? null : await begin(run, one);
  // Ctrl-C is the client's: it ends a query, not this program.
  const stay = (): void => {};
  process.on('SIGINT', stay);
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(client.command, client.args, { env: { ...process.env, ...client.env }, stdio: 'inherit' });
      child.on('error', reject);
      child.on('close', (code) => resolve(code === 0 ? codes.ok : codes.failed));
    });
  } finally {
    process.off('SIGINT', stay);
    await server?.end();
  }
}

/** Its server, up for as long as it is looked at. @throws SERVICE_NOT_STARTED */
async function begin(run: string, { kind, serve }: Database): Promise<{ end(): Promise<void> }> {
  const refuse = (reason: string) => fail('SERVICE_NOT_STARTED', { service: kind, reason });
  const { host, port } = serve;
  if (await listens(host, port)) throw refuse(`${host}:${port}, where it listened, is another program's by now`);
  process.stderr.write(`${run} has ended: its ${kind} is up for as long as this looks into it\n`);
  const child = spawn('sh', ['-c', serve.shell], {
    cwd: serve.cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...serve.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const gone = new Promise<number | null>((resolve) => child.on('close', resolve));
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = sleep(GRACE_MS, 'late', { ref: false });
    if ((await Promise.race([gone, late])) === 'late') process.kill(-child.pid!, 'SIGKILL');
  };
  for (const until = Date.now() + READY_MS; ; await sleep(50)) {
    if (child.exitCode !== null) {
      const code = await gone;
      throw refuse(
        code === HELD_EXIT
          ? 'another run holds its data now: give that one'
          : said.trim().split('\n').slice(-3).join(' | '),
      );
    }
    if (await databaseReady(kind, host, port)) return { end };
    if (Date.now() > until) {
      await end();
      throw refuse(`it was not ready within ${READY_MS / 1_000} s`);
    }
  }
}
const listens = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const tell = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', tell(true)).on('error', tell(false));
  });
