/**
 * Carries an export out, on a clean copy of the repository: it is built as it stands, started, and asked what the run was
 * proven by. Without a container engine only its form is looked at, and that is said. Nothing of it is left.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleOf } from '../../checkpoints/bundle.js';
import {
  containerName,
  hasImage,
  holderLabel,
  isUp,
  noteEngine,
  pullCommand,
  removeOrphans,
  runWords,
} from '../../providers/engine/containers.js';
import { call, complaint, type Engine, findEngine } from '../../providers/engine/find.js';
import type { Executed } from '../../providers/process/execute.js';
import { tail } from '../../providers/process/tail.js';
import { readGiven } from '../../providers/secrets.js';
import type { Config } from '../../runtime/config.js';
import { fail, type RunnerError } from '../../runtime/errors.js';
import { identify } from '../../runtime/identity.js';
import { quote, word } from '../../runtime/shell.js';
import type { ExportFormat } from '../front-door/contract-runs.js';
import { type Begun, type Bench, openBench } from './bench.js';
import { compose } from './compose.js';
import { factsOf, type Proven } from './facts.js';
import { faultsOf } from './form.js';
import { type Part, readCompose } from './read-compose.js';
import { serversOf } from './servers.js';

export interface Exported {
  run: string;
  format: ExportFormat;
  text: string;
}
export interface Checked {
  /** form: it was not carried out; run: by this machine; engine: in containers. */
  how: 'form' | 'run' | 'engine';
  /** `podman 4.3.1`. */
  engine: string | null;
  /** What was found, for people. */
  said: string;
  /** What people should know: what could not be carried out, and why. */
  notes: string[];
  /** That it answered with. */
  status: number | null;
  ms: { copy: number; build: number; start: number; total: number };
}
export interface CheckOptions {
  /** container: an engine must be there; none: it is not used. */
  isolation: 'container' | 'none' | null;
  /** Where values of variables that are asked for come from first. */
  env: Readonly<Record<string, string | undefined>>;
  /** Hears every line that is printed. */
  say(of: string, line: string): void;
  signal: AbortSignal;
}

const PULL_MS = 10 * 60_000;
const PULL_IDLE_MS = 60_000;
const BUILD_IDLE_MS = 5 * 60_000;
/** Until it answers, or ends where that is its proof. */
const ANSWER_MS = 60_000;
const READY_MS = 100_000;
const ASK_MS = 5_000;
const EXEC_MS = 15_000;
const LOOK_MS = 200;
/** One that prints that it is ready must stay up. */
const STAY_MS = 3_000;
const SAID_LINES = 5;
const SAID_BYTES = 16 * 1024;
/** The longest that anything of a check is up, whatever becomes of this process. */
const UP_MS = 60 * 60_000;

type Broken = (reason: string, fix: string) => RunnerError;
interface Work {
  facts: Proven;
  exported: Exported;
  bench: Bench;
  engine: Engine;
  images: string[];
  notes: string[];
  ms: Checked['ms'];
  values: (name: string) => string;
  broken: Broken;
  signal: AbortSignal;
}

/**
 * @throws EXPORT_BROKEN when it does not do what the run did; ENGINE_UNAVAILABLE where an engine must be there;
 * IMAGE_UNAVAILABLE; USAGE for a variable that nobody gives; RUN_UNKNOWN, RUN_NOT_PROVEN; what copying the repository throws.
 */
export async function checkExport(config: Config, exported: Exported, o: CheckOptions): Promise<Checked> {
  const { run, format, text } = exported;
  const facts = factsOf(config.state, run);
  const from = { bundle: bundleOf(config.state, run), repository: facts.repository, commit: facts.commit };
  const broken: Broken = (reason, fix) => fail('EXPORT_BROKEN', { run, format, reason, fix });
  const begun = performance.now();
  const ms = { copy: 0, build: 0, start: 0, total: 0 };
  const faults = await faultsOf(format, text);
  if (faults.length > 0) throw broken(faults.slice(0, 3).join('; '), `see it whole: rr export ${format} ${run}`);
  const formOnly = (why: string): Checked => ({
    how: 'form',
    engine: null,
    said: `its form is right; ${why}`,
    notes: [],
    status: null,
    ms: { ...ms, total: Math.round(performance.now() - begun) },
  });
  if (format === 'json') return formOnly('facts are carried out by nobody');
  if (format === 'github-actions') return formOnly('it was not carried out: only GitHub does that');
  const engine = format === 'script' ? null : await engineFor(o.isolation);
  if (typeof engine === 'string') return formOnly(`it was not carried out: ${engine}`);
  const bench = await openBench(config, from, o.say, o.signal);
  const images: string[] = [];
  const notes: string[] = [];
  try {
    await timed(ms, 'copy', () => bench.copy());
    const values = valuesFor(facts, from.bundle, await readGiven(from.bundle), o.env, exported);
    let status: number | null;
    if (engine === null) status = await byShell({ facts, exported, bench, ms, values, broken, signal: o.signal });
    else {
      await removeOrphans(engine, config.state);
      noteEngine(bench.bundle, engine);
      const work = { facts, exported, bench, engine, images, notes, ms, values, broken, signal: o.signal };
      status = format === 'devcontainer' ? await byDevcontainer(work) : await byContainers(work, config.buildWallMs);
    }
    ms.total = Math.round(performance.now() - begun);
    const said =
      status !== null
        ? `it answers ${status}, as it was proven`
        : facts.proof.how === 'exit' && format !== 'devcontainer'
          ? 'it ends with 0, as it was proven'
          : 'it holds';
    return { how: engine === null ? 'run' : 'engine', engine: titleOf(engine), said, notes, status, ms };
  } catch (error) {
    if (o.signal.aborted) throw fail('INTERRUPTED');
    throw error;
  } finally {
    await bench.end(engine, images);
  }
}
const titleOf = (engine: Engine | null): string | null => (engine === null ? null : `${engine.name} ${engine.version}`);

/** @returns a text: why none is used. @throws ENGINE_UNAVAILABLE */
async function engineFor(isolation: CheckOptions['isolation']): Promise<Engine | string> {
  if (isolation === 'none') return 'no engine is wanted';
  const { found, looked, fix } = await findEngine();
  if (found !== null) return found;
  if (isolation === 'container') throw fail('ENGINE_UNAVAILABLE', { reason: looked.join('; '), fix });
  return `no container engine answers here (${looked.join('; ')})`;
}

async function timed<T>(ms: Checked['ms'], of: 'copy' | 'build' | 'start', work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  try {
    return await work();
  } finally {
    ms[of] += Math.round(performance.now() - begun);
  }
}

/** What is asked for: of whoever checks, else as the run was given it; passwords of servers that are begun here are made up. */
function valuesFor(
  facts: Proven,
  bundle: string,
  given: Readonly<Record<string, string>>,
  env: CheckOptions['env'],
  { format }: Exported,
): (name: string) => string {
  const passwords = new Set<string>();
  serversOf(facts, (name) => {
    passwords.add(name);
    return '';
  });
  const made: Record<string, string> = {};
  const used = ((): Record<string, string> => {
    try {
      const file = `env.${encodeURIComponent(facts.service)}.json`;
      return JSON.parse(readFileSync(join(bundle, 'inputs', file), 'utf8')) as Record<string, string>;
    } catch {
      return {}; // a run whose application has no variables
    }
  })();
  return (name) => {
    const value = env[name] ?? (passwords.has(name) ? undefined : (given[name] ?? used[name]));
    if (value !== undefined) return value;
    if (passwords.has(name)) {
      made[name] ??= randomBytes(16).toString('hex');
      return made[name];
    }
    throw fail('USAGE', {
      met: `${name}, which the export asks for, has no value`,
      fix: `give it: ${name}=… rr export ${format} --check`,
    });
  };
}

/** The end of what a command printed. */
const lastWords = ({ log }: { log: string }): string => {
  const lines = tail(log, SAID_LINES, SAID_BYTES).filter((line) => line.trim() !== '');
  return lines.length === 0 ? 'it printed nothing' : lines.join(' | ');
};
const failedWith = ({ exit, evidence }: Executed): string =>
  `${complaint(evidence.tail) || lastWords(evidence)} (${exit.limit === null ? `exit code ${exit.code}` : `stopped at its ${exit.limit} limit`})`;

/** The script, by a shell on the clean copy. */
async function byShell({
  facts,
  exported,
  bench,
  ms,
  values,
  broken,
  signal,
}: Omit<Work, 'engine' | 'images' | 'notes'>): Promise<number | null> {
  const port = await freePort();
  const given = facts.env.flatMap(({ name, how }) => (how === 'give' ? [[name, values(name)] as const] : []));
  const env = {
    ...Object.fromEntries(given),
    ...(facts.port === null ? {} : { PORT: String(port), HOST: '127.0.0.1' }),
  };
  const deed = { of: 'run', env, wallMs: UP_MS, idleMs: null, theirs: true };
  // In the copy, which is where it works when no folder is given; as words, since it is no file of the repository.
  return timed(ms, 'start', async () => {
    const begun = await bench.begin({ ...deed, shell: exported.text });
    return proofOf({ facts, broken, signal }, begun, port);
  });
}

/** Waits for what the run was proven by. @returns the status it answers with, where it answers. */
async function proofOf(
  { facts, broken, signal }: Pick<Work, 'facts' | 'broken' | 'signal'>,
  begun: Begun,
  port: number | null,
): Promise<number | null> {
  const { how, path, status: wanted } = facts.proof;
  let met = 'it does not answer';
  const until = performance.now() + (how === 'log' ? STAY_MS : how === 'exit' ? UP_MS : ANSWER_MS);
  for (; performance.now() < until; await sleep(LOOK_MS, undefined, { signal })) {
    const exit = begun.ended();
    if (exit !== null && how === 'exit' && exit.code === 0) return null;
    if (exit !== null)
      throw broken(
        `it ends with ${exit.code ?? exit.signal}: ${lastWords(begun)}`,
        'what it printed says why; mend the export by hand, or the repository, then run it again',
      );
    if (how !== 'http' || port === null) continue;
    const seen = await fetch(`http://127.0.0.1:${port}${path ?? '/'}`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]),
    }).then(
      (answer) => answer.status,
      () => null, // it is not up yet, or is reached by nobody
    );
    if (seen !== null && seen === (wanted ?? seen)) return seen;
    if (seen !== null) met = `${path ?? '/'} answers ${seen}`;
  }
  if (how === 'log') return null;
  throw broken(
    `${met}, wanted ${wanted ?? 'an answer'} of ${path ?? '/'} on port ${facts.port} within ${ANSWER_MS / 1_000} s: ${lastWords(begun)}`,
    'an application that binds the loopback address on its own account is reached by nobody outside: let it listen on $HOST and $PORT',
  );
}

async function need({ engine, bench }: Work, image: string): Promise<void> {
  if (await hasImage(engine, image)) return;
  const pulled = await bench.perform({
    of: 'pull',
    shell: pullCommand(engine, image),
    env: engine.env,
    wallMs: PULL_MS,
    idleMs: PULL_IDLE_MS,
  });
  if (pulled.exit.code !== 0)
    throw fail('IMAGE_UNAVAILABLE', {
      image,
      engine: engine.name,
      reason: failedWith(pulled),
      otherwise: 'export it without --check',
    });
}
/** Images that a Dockerfile begins with or copies from; names of its own stages are none. */
export function imagesIn(dockerfile: string): string[] {
  const stages = new Set<string>();
  const images: string[] = [];
  for (const line of dockerfile.split('\n')) {
    const [, from, , as] = /^FROM\s+(\S+)(\s+AS\s+(\S+))?\s*$/i.exec(line) ?? [];
    const image = from ?? /^COPY\s+--from=(\S+)/i.exec(line)?.[1];
    if (image !== undefined && !stages.has(image)) images.push(image);
    if (as !== undefined) stages.add(as);
  }
  return [...new Set(images)];
}

async function build(
  { bench, engine, images, broken }: Work,
  name: string,
  text: string,
  wallMs: number,
): Promise<string> {
  const folder = join(bench.bundle, 'builds', name);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'Dockerfile');
  await writeFile(file, text);
  const image = `localhost/${bench.run}:${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  images.push(image);
  const words = [
    engine.program,
    'build',
    holderLabel(identify(process.pid)!),
    `--tag=${image}`,
    `--file=${file}`,
    // Else podman leaves out what says how to ask for health, and keeps every step.
    ...(engine.name === 'podman' ? ['--format=docker', '--layers=false', '--force-rm'] : ['--progress=plain']),
    await bench.copy(),
  ];
  const built = await bench.perform({
    of: 'build',
    shell: `exec ${words.map(quote).join(' ')}`,
    env: engine.env,
    wallMs,
    idleMs: BUILD_IDLE_MS,
  });
  if (built.exit.code !== 0)
    throw broken(
      `it cannot be built: ${failedWith(built)}`,
      'what it printed says why; mend the export by hand, or the repository, then run it again',
    );
  return image;
}

/** The health check of a Dockerfile as words; null: it has none. */
export function healthIn(dockerfile: string): string[] | null {
  const [, command] = /^HEALTHCHECK\s.*?CMD\s+(\[.*\])\s*$/m.exec(dockerfile) ?? [];
  return command === undefined ? null : (JSON.parse(command) as string[]);
}

/** A Dockerfile or a compose file: its images are built and begun, in one network, which the application's port is brought out of. */
async function byContainers(work: Work, buildMs: number): Promise<number | null> {
  const { facts, exported, bench, engine, ms, values, broken, signal } = work;
  const read = readCompose(exported.format === 'compose' ? exported.text : compose(facts), values);
  if ('faults' in read) throw broken(read.faults.join('; '), `see it whole: rr export compose ${facts.run}`);
  // A Dockerfile is proven with the servers that the compose file has.
  const parts = read.parts.map((part) =>
    exported.format === 'dockerfile' && part.build !== null ? { ...part, build: exported.text } : part,
  );
  const main = parts.at(-1)!;
  const wanted = parts.flatMap(({ build: text, image }) => (text === null ? [image!] : imagesIn(text)));
  for (const image of new Set(wanted)) await timed(ms, 'build', () => need(work, image));
  const tags = new Map<string, string>();
  for (const { name, build: text } of parts)
    if (text !== null) tags.set(name, await timed(ms, 'build', () => build(work, name, text, buildMs)));

  const port = main.port === null ? null : await freePort();
  const within = (name: string): string => containerName(bench.run, name);
  const holder = identify(process.pid)!;
  const first = parts[0]!;
  const begin = (part: Part): Promise<Begun> => {
    const isFirst = part === first;
    const words = runWords(engine, {
      name: within(part.name),
      run: bench.run,
      state: bench.bundle,
      part: 'service',
      image: tags.get(part.name) ?? part.image!,
      publish: isFirst && port !== null ? [{ host: '127.0.0.1', port, to: main.port! }] : [],
      network: isFirst ? 'own' : { of: within(first.name) },
      mounts: [],
      env: Object.keys(part.env),
      cwd: null,
      user: null,
      // All are in one network, so that it needs none of the engine's: each is at home there.
      hosts: isFirst ? Object.fromEntries(parts.map(({ name }) => [name, '127.0.0.1'])) : {},
      command: null,
      holder,
    });
    const env = { ...engine.env, ...part.env };
    const shell = `exec ${words.map(quote).join(' ')}`;
    return bench.begin({ of: part.name, shell, env, wallMs: UP_MS, idleMs: null });
  };
  return timed(ms, 'start', async () => {
    for (const part of parts.slice(0, -1)) await ready(work, part, within(part.name), await begin(part));
    const begun = await begin(main);
    const status = await proofOf({ facts, broken, signal }, begun, port);
    const health = healthIn(main.build ?? '');
    if (health !== null) await isHealthy(work, within(main.name), health, begun);
    return status;
  });
}

/** Waits until a server says that it is ready; one that cannot say so, until it is up. */
async function ready({ engine, broken, signal }: Work, part: Part, name: string, begun: Begun): Promise<void> {
  const most = part.ready === null ? READY_MS : part.ready.everyMs * part.ready.tries;
  for (const until = performance.now() + most; performance.now() < until; await sleep(LOOK_MS, undefined, { signal })) {
    if (begun.ended() !== null) break;
    if (part.ready === null ? await isUp(engine, name) : await says(engine, name, ['sh', '-c', part.ready.command]))
      return;
  }
  const how = begun.ended() === null ? `is not ready within ${most / 1_000} s` : 'has ended';
  throw broken(`${part.name} (${part.image}) ${how}: ${lastWords(begun)}`, `look at what ${word(part.name)} printed`);
}
const says = async (engine: Engine, name: string, words: readonly string[]): Promise<boolean> =>
  (await call(engine, ['exec', name, ...words], EXEC_MS)).worked;

/** The health check that is in the image, asked as its engine would. */
async function isHealthy(
  { engine, broken, signal }: Work,
  name: string,
  words: readonly string[],
  begun: Begun,
): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    if (await says(engine, name, words)) return;
    await sleep(1_000, undefined, { signal });
  }
  throw broken(
    `it answers, and its HEALTHCHECK (${words.join(' ')}) fails: ${lastWords(begun)}`,
    'mend the HEALTHCHECK by hand',
  );
}

interface Devcontainer {
  image: string;
  features?: Record<string, unknown>;
  containerEnv?: Record<string, string>;
  onCreateCommand?: string;
  postCreateCommand?: string;
}
/** A development container: its image, with the copy in it, and its commands in their order. */
async function byDevcontainer(work: Work): Promise<null> {
  const { exported, bench, engine, notes, ms, broken } = work;
  const file = JSON.parse(exported.text) as Devcontainer;
  await timed(ms, 'build', () => need(work, file.image));
  if (file.features !== undefined) {
    notes.push(
      `its features (${Object.keys(file.features).join(', ')}) are put together by editors alone: its image is here, its commands were not run`,
    );
    return null;
  }
  const name = containerName(bench.run, 'devcontainer');
  const at = `/workspaces/${work.facts.service.replace(/[^\w.-]+/g, '-')}`;
  const env = file.containerEnv ?? {};
  const words = runWords(engine, {
    name,
    run: bench.run,
    state: bench.bundle,
    part: 'command',
    image: file.image,
    publish: [],
    network: 'own',
    mounts: [],
    env: Object.keys(env),
    cwd: null,
    user: null,
    hosts: {},
    command: ['sleep', String(UP_MS / 1_000)],
    holder: identify(process.pid)!,
  });
  const shell = `exec ${words.map(quote).join(' ')}`;
  const up = { of: 'devcontainer', env: { ...engine.env, ...env }, wallMs: UP_MS, idleMs: null };
  return timed(ms, 'build', async () => {
    const begun = await bench.begin({ ...up, shell });
    while (!(await isUp(engine, name))) {
      if (begun.ended() !== null)
        throw broken(`its image does not run: ${lastWords(begun)}`, 'look at what it printed');
      await sleep(LOOK_MS, undefined, { signal: work.signal });
    }
    const order = { env: engine.env, wallMs: UP_MS, idleMs: BUILD_IDLE_MS };
    const perform = async (of: string, ...args: string[]): Promise<void> => {
      const done = await bench.perform({
        of,
        shell: `exec ${[engine.program, ...args].map(quote).join(' ')}`,
        ...order,
      });
      if (done.exit.code !== 0) throw broken(`its ${of} fails: ${failedWith(done)}`, 'what it printed says why');
    };
    await perform('folder', 'exec', name, 'mkdir', '-p', '/workspaces');
    await perform('folder', 'cp', await bench.copy(), `${name}:${at}`);
    for (const of of ['onCreateCommand', 'postCreateCommand'] as const)
      if (file[of] !== undefined) await perform(of, 'exec', `--workdir=${at}`, name, 'sh', '-c', file[of]);
    return null;
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
