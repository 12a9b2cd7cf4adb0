/**
 * The image that a run with `--isolation container` runs in: what the repository's own Dockerfile builds, where that
 * can be built, else the base image of the plan's language and version. Built and fetched under the run's keeper, so its
 * progress is output of the step, and safe to repeat.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  containerName,
  hasImage,
  isMountable,
  noteEngine,
  pathWithin,
  pullCommand,
  removeOrphans,
  runWords,
} from '../../providers/engine/containers.js';
import { call, complaint, findEngine } from '../../providers/engine/find.js';
import { baseImage, builtName, type Contained, dockerfileOf } from '../../providers/engine/isolation.js';
import { execute } from '../../providers/process/execute.js';
import type { EffectContext } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { quote } from '../../runtime/shell.js';
import { Plan } from '../detection/contract.js';

const IDLE_MS = 2 * 60_000;
const SHELL_MS = 30_000;

/** @throws ENGINE_UNAVAILABLE where no engine answers, IMAGE_UNAVAILABLE where its image is not to be had. */
export async function contain(workspace: string, context: EffectContext): Promise<Contained & { said: string }> {
  const { found: engine, looked, fix } = await findEngine();
  if (engine === null) throw fail('ENGINE_UNAVAILABLE', { reason: looked.join('; '), fix });
  const { bundle, config } = context;
  const odd = [bundle, workspace].find((path) => !isMountable(path));
  if (odd !== undefined)
    throw fail('ENGINE_UNAVAILABLE', {
      reason: `it cannot mount ${odd}`,
      fix: 'choose a folder without a comma in its name',
    });
  await removeOrphans(engine, config.state);
  noteEngine(bundle, engine);
  const service = await chosen(bundle);
  const perform = async (n: number, shell: string): Promise<string | null> => {
    const { exit, evidence } = await execute(context, {
      n,
      shell,
      cwd: workspace,
      ours: true,
      tools: [],
      env: engine.env,
      envFile: null,
      install: false,
      wallMs: config.buildWallMs,
      idleMs: IDLE_MS,
      log: 'image.log',
    });
    if (exit.code === 0) return null;
    return exit.limit === null ? complaint(evidence.tail) : `it was given up at its ${exit.limit} limit`;
  };
  const within = async (image: string, how: string) => ({
    engine,
    image,
    path: await pathWithin(engine, image),
    said: `in containers of ${engine.name} ${engine.version} (${how})`,
  });
  const shellLacksIn = async (image: string): Promise<string | null> => {
    const words = runWords(engine, {
      ...{ name: containerName(context.run, 'shell'), run: context.run, state: config.state, part: 'command', image },
      ...{ publish: [], network: 'own', mounts: [], env: [], cwd: null, user: null, hosts: {} },
      command: ['/bin/sh', '-c', ':'],
    });
    const { worked, said } = await call(engine, words.slice(1), SHELL_MS);
    return worked ? null : `its own Dockerfile is not used, since what it builds runs no shell: ${said}`;
  };
  const folder = dockerfileOf(workspace, service?.path ?? '.');
  let unbuilt: string | null = null;
  if (folder !== null) {
    const image = builtName(folder);
    const build = `exec ${quote(engine.program)} build --tag ${quote(image)} --file ${quote(join(folder, 'Dockerfile'))} ${quote(folder)}`;
    unbuilt = (await hasImage(engine, image)) ? null : await perform(1, build);
    // Whatever is done in it is done by a shell: one that is empty but for a program is for something else.
    unbuilt = unbuilt === null ? await shellLacksIn(image) : `its own Dockerfile could not be built: ${unbuilt}`;
    if (unbuilt === null) return within(image, 'its own Dockerfile, built');
  }
  const image = baseImage(service ?? { language: '', versions: {} });
  const unfetched = (await hasImage(engine, image)) ? null : await perform(2, pullCommand(engine, image));
  if (unfetched !== null)
    throw fail('IMAGE_UNAVAILABLE', {
      image,
      engine: engine.name,
      otherwise: 'run without --isolation container',
      reason: unbuilt === null ? unfetched : `${unfetched}; ${unbuilt}`,
    });
  return within(image, unbuilt === null ? image : `${image}; ${unbuilt}`);
}

/** The service that the run is for; null where there is no plan. */
async function chosen(bundle: string) {
  const text = await readFile(join(bundle, 'plan.json'), 'utf8').catch(() => null); // a workflow without one
  const plan = text === null ? null : (Plan.safeParse(JSON.parse(text)).data ?? null);
  return plan?.services.find(({ name }) => plan.chosen.includes(name)) ?? plan?.services[0] ?? null;
}
