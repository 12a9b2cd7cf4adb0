/**
 * Where what was exported is carried out: a clean copy of the repository, a keeper and a run's name of its own, outside the
 * state folder. All of it is gone when it ends: processes, containers, images, files.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { copyTree } from '../../agents/file/copy.js';
import { fetchSource } from '../../agents/file/fetch.js';
import { removeContainers, removeImages, stopServers } from '../../providers/engine/containers.js';
import type { Engine } from '../../providers/engine/find.js';
import { plantRepository } from '../../providers/git/git-folder.js';
import { listFiles, openRepository } from '../../providers/git/repository.js';
import { type Exit, findKeeper } from '../../providers/process/client.js';
import { closeRun, commandOf, type Executed, execute, keeperFor, type Order } from '../../providers/process/execute.js';
import { readOn } from '../../providers/process/follow.js';
import { sweep } from '../../providers/process/sweep.js';
import { clearSandbox } from '../../providers/sandbox/index.js';
import type { EffectContext } from '../../runtime/actor.js';
import type { Config } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';

type Said = (of: string, line: string) => void;
/** What is to be done; the rest of an order is the same for all. */
export type Deed = Pick<Order, 'shell' | 'env' | 'wallMs' | 'idleMs'> & {
  /** Its log is `<of>.log`. */
  of: string;
  /** A command of the repository's, which is kept in as one of a run. */
  theirs?: boolean;
};
export interface Begun {
  id: string;
  log: string;
  /** How it ended; null: it is up. */
  ended(): Exit | null;
}
export interface Bench {
  run: string;
  bundle: string;
  /** The clean copy; made when it is first asked for. */
  copy(): Promise<string>;
  perform(deed: Deed): Promise<Executed>;
  begin(deed: Deed): Promise<Begun>;
  end(engine: Engine | null, images: readonly string[]): Promise<void>;
}

const LOOK_MS = 150;
const READ_BYTES = 64 * 1024;

/** @param from the bundle of the run whose repository it is. @param say hears every line that is printed. */
export async function openBench(
  config: Config,
  from: { bundle: string; repository: string; commit: string | null },
  say: Said,
  signal: AbortSignal,
): Promise<Bench> {
  const bundle = await mkdtemp(join(tmpdir(), 'rr-check-'));
  const run = basename(bundle).toLowerCase();
  const context: Pick<EffectContext, 'id' | 'run' | 'bundle' | 'signal' | 'deadlineAt' | 'config' | 'log'> = {
    id: 'check',
    run,
    bundle,
    signal,
    deadlineAt: null,
    config,
    log: openLog(config.logLevel, join(bundle, 'check.log')),
  };
  let n = 0;
  let root: string | null = null;
  const followed = new Map<string, { path: string; at: string | null }>();
  const follow = (rest: boolean): void => {
    for (const [of, place] of followed) {
      const { lines, at } = readOn(place.path, place.at, READ_BYTES, rest);
      place.at = at;
      for (const line of lines) say(of, line);
    }
  };
  const timer = setInterval(() => follow(false), LOOK_MS);
  const order = ({ of, theirs, ...deed }: Deed): Order => {
    n += 1;
    const log = `${of}.log`;
    if (!followed.has(of)) followed.set(of, { path: join(bundle, 'logs', log), at: null });
    return {
      ...deed,
      n,
      cwd: root ?? bundle,
      ours: theirs !== true,
      tools: [],
      envFile: null,
      install: false,
      log,
    };
  };
  return {
    run,
    bundle,
    async copy() {
      if (root !== null) return root;
      const { source } = await readFile(join(from.bundle, 'inputs', 'source.json'), 'utf8').then(
        (text) => JSON.parse(text) as { source: string },
        () => ({ source: from.repository }), // it has no password
      );
      const at = { bundle, signal };
      const fetched = await fetchSource({ source, ref: from.commit, ...at });
      if (fetched.kind !== 'local') {
        root = fetched.root;
        return root;
      }
      const repository = await openRepository(fetched.root, signal);
      if (from.commit !== null && repository?.commit !== from.commit)
        say('copy', `it is at ${repository?.commit ?? 'no commit'} now, and was proven at ${from.commit}`);
      // What git knows alone: whoever takes the export has none of the files that it ignores.
      const names = repository === null ? null : (await listFiles(repository)).files;
      const to = join(bundle, 'work');
      await copyTree({ from: fetched.root, to, names, except: [config.state, bundle], signal });
      if (repository !== null) await plantRepository(to, repository, signal);
      root = to;
      return root;
    },
    async perform(deed) {
      const done = await execute(context, order(deed));
      follow(true);
      return done;
    },
    async begin(deed) {
      const command = await commandOf(context, order(deed));
      const keeper = await keeperFor(context);
      const kept = await keeper.start(command);
      let exit: Exit | null = null;
      void keeper
        .exited(kept.id, signal)
        .then(
          (ended) => {
            exit = ended;
          },
          () => undefined, // nobody waits any more
        )
        .finally(() => keeper.close());
      return { id: kept.id, log: command.log, ended: () => exit };
    },
    async end(engine, images) {
      clearInterval(timer);
      closeRun(bundle);
      await stopServers(bundle, run);
      const keeper = await findKeeper({ bundle, run });
      await keeper?.end();
      await sweep({ run, roots: [], groups: [], ...(root === null ? {} : { cwd: root }) });
      await removeContainers(bundle, run);
      if (engine !== null) await removeImages(engine, images);
      await clearSandbox(bundle);
      follow(true);
      await rm(bundle, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
