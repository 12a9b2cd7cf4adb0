/**
 * Makes tables and first rows, on databases that this run has brought up itself, or that are files of the work, and on no
 * others.
 *
 * Order: the files that the server's image would run on its first start, then the repository's own migrations (where it
 * has none, the one file of SQL that a person would load by hand), then its seeds. Files and seeds are done once for a database; migrations each time, for their tool knows what is done. What
 * fails leaves the database as it is, for a look.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { type Evidence, execute } from '../../providers/process/execute.js';
import { mainLine } from '../../providers/process/main-line.js';
import { tail } from '../../providers/process/tail.js';
import { readGiven } from '../../providers/secrets.js';
import type { Client } from '../../providers/services/kind.js';
import type { Message, Perform } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { quote } from '../../runtime/shell.js';
import { roleOf } from './address.js';
import { reasonOf } from './bring-up.js';
import type { Fact, Migrate } from './contract.js';
import { readEntries } from './entries.js';
import { makingsOf, schemaOf } from './orm.js';

const SQL = ['postgres', 'mysql'];
/** By the system, or by the keeper, which stops what writes before nothing is left. */
const FULL = /no space left on device|disk is full|ENOSPC|the disk has less than/i;
const GONE = /connection .*(?:lost|closed|terminated|reset)|closed the connection|gone away|ECONNRESET/i;
const WORDS_MS = 3_000;
const LOOK_MS = 100;
const SERVER_LINES = 200;
const SERVER_BYTES = 64 * 1024;
const told = (fact: Fact): Message => ({ type: 'told', fact }) as Message;

export const migrate: Perform<Migrate> = async (wanted, context): Promise<Message> => {
  const { service, cwd, root, services, tools, envFile, env, hosts } = wanted;
  const { buildWallMs: wallMs, idleMs } = context.config;
  const done: { what: string; ms: number }[] = [];
  const notes: string[] = [];
  const own = readEntries(context.bundle).filter(
    ({ kind }) => SQL.includes(kind) && services.some((running) => running.kind === kind),
  );
  let n = 0;
  /** @returns how it failed. */
  const perform = async (what: string, shell: string, more: Record<string, string>): Promise<Evidence | null> => {
    n += 1;
    const order = {
      n,
      shell,
      hosts,
      reach: services.map(({ host, port }) => `${host}:${port}`),
      cwd,
      tools,
      env: { ...env, ...more },
      envFile,
      install: false,
      wallMs,
      idleMs,
    };
    const { exit, ms, evidence } = await execute(context, {
      ...order,
      log: `${service}.migrate.log`.replaceAll('/', '-'),
    });
    if (exit.code !== 0) return evidence;
    done.push({ what, ms });
    return null;
  };
  const failed = async (what: string, kind: string, evidence: Evidence): Promise<Message> => {
    const full = await fullLine(evidence, join(context.bundle, 'logs', `${kind}.log`), context.signal);
    const reason = full ? `the disk is full (${full.trim()})` : (errorLine(evidence.tail) ?? reasonOf(evidence));
    const error = fail('MIGRATION_FAILED', { what, service: kind, reason, run: context.run }).toRecord();
    return told({ type: 'database.failed', error, evidence });
  };

  for (const { kind, init, load, data } of own) {
    const files = init.flatMap(filesOf);
    const left = files.filter((path) => !/\.sql(?:\.gz)?$/.test(path));
    if (left.length > 0) notes.push(`${left.map((path) => basename(path)).join(', ')} not run: only the image can`);
    for (const path of files.filter((one) => /\.sql(?:\.gz)?$/.test(one))) {
      const what = basename(path);
      if (isDone(data, `init ${what}`)) continue;
      if (load === null) {
        notes.push(`${what} not run: there is no client of ${kind} here`);
        continue;
      }
      const roles = kind === 'postgres' ? rolesIn(sqlOf(path)) : [];
      const made =
        roles.length === 0 ? null : await perform(`role ${roles.join(', ')}`, makeRoles(load, roles), load.env);
      const evidence = made ?? (await perform(what, feed(load, path), load.env));
      if (evidence !== null) return failed(what, kind, evidence);
      markDone(data, `init ${what}`);
    }
  }
  const main = own[0] ?? (await fileOf(wanted, context.bundle, notes));
  if (main === undefined) return told({ type: 'database.migrated', done, notes });
  const { makings, notes: more } = makingsOf(cwd, root);
  notes.push(...more);
  for (const { what, shell, once } of makings) {
    if (once && isDone(main.data, what)) continue;
    const evidence = await perform(what, shell, {});
    if (evidence !== null) return failed(what, main.kind, evidence);
    if (once) markDone(main.data, what);
  }
  const [server] = own;
  const schema = makings.length === 0 && server?.init.length === 0 ? schemaOf(cwd) : null;
  if (server && server.load !== null && schema !== null && !isDone(server.data, `file ${basename(schema)}`)) {
    // Nobody said that it is to be loaded: one that cannot be is told, and what comes of it the start will show.
    const evidence = await perform(basename(schema), feed(server.load, schema), server.load.env);
    if (evidence === null) markDone(server.data, `file ${basename(schema)}`);
    else notes.push(`${basename(schema)} could not be loaded: ${errorLine(evidence.tail) ?? reasonOf(evidence)}`);
  }
  return told({ type: 'database.migrated', done, notes });
};

/**
 * The line that says that the disk is full; undefined: it is not. A server that has no room left may end at once: then its
 * client only sees it go, and its own last words come a moment later.
 */
async function fullLine({ tail: said }: Evidence, log: string, signal: AbortSignal): Promise<string | undefined> {
  const own = said.split('\n').find((line) => FULL.test(line));
  const until = performance.now() + (GONE.test(said) ? WORDS_MS : 0);
  for (;;) {
    const found = own ?? tail(log, SERVER_LINES, SERVER_BYTES).find((line) => FULL.test(line));
    if (found !== undefined || performance.now() > until) return found;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/**
 * A database that is a file of the work, which the run may write: that was settled when its place was chosen. Nothing is
 * done for one that lies elsewhere, or where a person has said which database it is.
 * @returns where it is written down what was done to it: with the run, for beside the file there is nothing of ours.
 */
async function fileOf(
  { cwd, root, files, envFile }: Pick<Migrate, 'cwd' | 'root' | 'files' | 'envFile'>,
  bundle: string,
  notes: string[],
): Promise<{ kind: string; data: string } | undefined> {
  if (files.length === 0) return undefined;
  const skip = (why: string): undefined => void notes.push(`its database is left as it is: ${why}`);
  const isUrl = (name: string): boolean =>
    roleOf(name)?.part === 'url' && ['sql', 'sqlite'].includes(roleOf(name)!.kind);
  const given = Object.keys(await readGiven(bundle)).find(isUrl);
  if (given !== undefined) return skip(`${given} is given by a person`);
  const configured = JSON.parse(readFileSync(envFile, 'utf8')) as Record<string, string>;
  const own = existsSync(join(cwd, '.env')) ? parseEnv(readFileSync(join(cwd, '.env'), 'utf8')) : {};
  const values = Object.entries({ ...configured, ...own }).filter(([name, value]) => isUrl(name) && value);
  const elsewhere = values.find(([, value]) => !/^(?:file:|sqlite)/i.test(value!));
  if (elsewhere) return skip(`${elsewhere[0]} leads to another one`);
  const paths = [
    ...files,
    ...values.map(([, value]) =>
      value!.replace(/^(?:file:(?:\/\/)?|sqlite\w*(?:\+\w+)?:\/\/\/?)/i, '').replace(/\?.*$/, ''),
    ),
  ];
  const outside = paths.find((path) => !isWithin(root, resolve(cwd, path)));
  if (outside !== undefined) return skip(`${outside} lies outside the repository`);
  // Each of several services may have one of its own, or all the same.
  const name = relative(realpathSync(root), resolve(realpathSync(cwd), files[0]!)).replaceAll('/', '-');
  const data = join(bundle, 'inputs', `file-database-${name}`);
  // First rows are for one that is new: one that was there before the run has its own.
  const isNew = files.every((path) => !(statSync(resolve(cwd, path), { throwIfNoEntry: false })?.size ?? 0));
  if (!isDone(data, 'look')) {
    markDone(data, 'look');
    if (!isNew) for (const { what, once } of makingsOf(cwd, root).makings) if (once) markDone(data, what);
  }
  return { kind: 'sqlite', data };
}
/** Also where links lead: of one that is still to be made its folder counts. */
function isWithin(root: string, path: string): boolean {
  const home = realpathSync(root);
  let at = path;
  while (lstatSync(at, { throwIfNoEntry: false }) === undefined) at = dirname(at);
  if (!existsSync(at)) return false; // a link to what is not there yet, wherever that is
  const real = realpathSync(at);
  return real === home || real.startsWith(home + sep);
}

/** A file on the standard input of a client. */
function feed({ command, args }: Client, path: string): string {
  const words = [command, ...args].map(quote).join(' ');
  return path.endsWith('.gz') ? `gzip -dc ${quote(path)} | ${words}` : `${words} < ${quote(path)}`;
}
const SQL_BYTES = 16 << 20;
const sqlOf = (path: string): string =>
  path.endsWith('.sql') && statSync(path).size <= SQL_BYTES ? readFileSync(path, 'utf8') : '';
const GIVEN_TO =
  /^\s*(?:ALTER\b[^;']{0,400}?\bOWNER TO|CREATE SCHEMA\b[^;']{0,200}?\bAUTHORIZATION|GRANT\b[^;']{0,400}?\bTO)\s+"?([a-z_][a-z0-9_]*)"?\s*(?:;|WITH\b)/gim;
const OF_POSTGRES = /^(?:public|current_user|current_role|session_user|postgres|pg_.*)$/i;
/** The roles that a dump gives its tables to and does not make: those of the server that it was taken from. */
export function rolesIn(sql: string): string[] {
  const names = [...sql.matchAll(GIVEN_TO)].map(([, name]) => name!).filter((name) => !OF_POSTGRES.test(name));
  return [...new Set(names)].filter((name) => !new RegExp(`CREATE (?:ROLE|USER|GROUP) "?${name}\\b`, 'i').test(sql));
}
/** Nobody can log in as one of them. */
function makeRoles({ command, args }: Client, names: readonly string[]): string {
  const sql = names.map(
    (name) =>
      `SELECT 'CREATE ROLE "${name}"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') \\gexec`,
  );
  return `printf '%s\\n' ${sql.map(quote).join(' ')} | ${[command, ...args].map(quote).join(' ')}`;
}
const filesOf = (path: string): string[] => {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => join(path, name));
};

/** What was done once to a database; it goes with the data. */
const doneFile = (data: string): string => `${data}.done.json`;
function doneOf(data: string): string[] {
  try {
    return JSON.parse(readFileSync(doneFile(data), 'utf8')) as string[];
  } catch {
    return []; // nothing yet
  }
}
const isDone = (data: string, what: string): boolean => doneOf(data).includes(what);
const markDone = (data: string, what: string): void =>
  writeFileSync(doneFile(data), `${JSON.stringify([...doneOf(data), what])}\n`);

/** The database's own words, where a tool wraps them in its own. */
const errorLine = (text: string): string | null =>
  /^.*\b(?:ERROR|FATAL)\b:?\s.*$/m.exec(text)?.[0].trim().slice(0, 300) ?? mainLine(text);
