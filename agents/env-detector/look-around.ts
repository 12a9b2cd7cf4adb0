/** Says where we are and what is there, in about a second: everything is asked at once and nothing for longer than its limit. */
import { join } from 'node:path';
import { childEnvironment } from '../../providers/process/environment.js';
import type { Environment } from './contract.js';
import { countCores, findGpus, measureDisk, measureMemory } from './machine.js';
import { findRegistry, isReachable } from './registry.js';
import { findSurroundings } from './surroundings.js';
import { askNvidia, findTools } from './tools.js';

export interface LookAround {
  /** The disk that counts is the one below this folder. */
  state: string;
  /** Where versions are remembered by the file of each tool; absent: every tool is asked. */
  cache?: string;
  run: string;
  signal?: AbortSignal;
  /** How long a tool may take to say its version; default 1 200. */
  toolMs?: number;
  /** How long the registry may take to answer; default 2 000. */
  registryMs?: number;
}

/** @param env this process's own: what a place sets shows where we are. Tools get only what a repository's commands get. */
export async function lookAround(
  { state, cache, run, signal, toolMs = 1_200, registryMs = 2_000 }: LookAround,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Environment> {
  const passed = childEnvironment({ run, overlay: {}, install: false }, { ...env });
  const [tools, nvidia, registry, diskFreeBytes] = await Promise.all([
    findTools(passed, toolMs, {
      ...(signal ? { signal } : {}),
      ...(cache ? { memory: join(cache, 'tool-versions.json') } : {}),
    }),
    askNvidia(passed, toolMs, signal),
    isReachable(findRegistry(env), env, registryMs, signal),
    measureDisk(state),
  ]);
  return {
    os: process.platform,
    arch: process.arch,
    surroundings: findSurroundings(env),
    cores: countCores(),
    memoryBytes: measureMemory(),
    diskFreeBytes,
    gpus: findGpus(nvidia),
    tools,
    root: process.getuid?.() === 0,
    registry,
  };
}
