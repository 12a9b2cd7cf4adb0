/** A server out of an image, by the engine of this machine, where one answers: fetched first where the image is not here. */
import { hasImage, isMountable, noteEngine, pullCommand, removeOrphans } from '../../providers/engine/containers.js';
import { complaint, type Engine, findEngine } from '../../providers/engine/find.js';
import { execute } from '../../providers/process/execute.js';
import { imageFor, inContainer } from '../../providers/services/images.js';
import type { ServiceKind } from '../../providers/services/kind.js';
import type { EffectContext } from '../../runtime/actor.js';

/** A large image on a slow line; one that brings nothing is given up long before. */
const PULL_MS = 10 * 60_000;
const PULL_IDLE_MS = 60_000;
/** Its number among the commands of its service: after those that set it up. */
const PULL = 4;

/**
 * @returns the service as it is begun in a container; null where there is no image of it; a text: why there is none, for people.
 */
export async function fromImage(
  {
    kind,
    n,
    each,
    image: composed,
    version,
  }: { kind: ServiceKind; n: number; each: number; image: string | null; version: string | null },
  context: EffectContext,
): Promise<ServiceKind | string | null> {
  const image = imageFor(kind.name, composed, version);
  if (image === null) return null;
  const { found, looked } = await findEngine();
  if (found === null) return `no container engine for ${image} (${looked.join('; ')})`;
  const { run, bundle, config } = context;
  if (!isMountable(bundle) || !isMountable(config.state)) return `no engine can mount ${config.state}`;
  await removeOrphans(found, config.state);
  const refused = (await hasImage(found, image)) ? null : await pull(found, image, { kind, n, each }, context);
  if (refused !== null) return refused;
  noteEngine(bundle, found);
  return inContainer(kind, found, image, { run, state: config.state });
}

/** Under the keeper, so its progress is output of the run. @returns null, or why it did not come. */
async function pull(
  engine: Engine,
  image: string,
  { kind, n, each }: { kind: ServiceKind; n: number; each: number },
  context: EffectContext,
): Promise<string | null> {
  const { exit, evidence } = await execute(context, {
    n: 1 + n * each + PULL,
    shell: pullCommand(engine, image),
    cwd: context.bundle,
    ours: true,
    tools: [],
    env: engine.env,
    envFile: null,
    install: false,
    wallMs: PULL_MS,
    idleMs: PULL_IDLE_MS,
    log: `${kind.name}.log`,
  });
  if (exit.code === 0) return null;
  const why = exit.limit === null ? complaint(evidence.tail) : `it was given up at its ${exit.limit} limit`;
  return `the image ${image} is not here and ${engine.name} could not fetch it: ${why} (fetch it yourself with \`${engine.name} pull ${image}\`)`;
}
