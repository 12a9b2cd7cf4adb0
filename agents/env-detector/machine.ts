/** What the machine gives us: cores and memory within our limits, free disk, graphics processors. */
import { readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { readText } from './surroundings.js';

/** Cores we may use: those there, at most what our control groups allow. A part of one counts as it is (0.5). */
export function countCores(root = '/'): number {
  let cores = availableParallelism();
  for (const group of groupsOf(root)) {
    const [quota, period] = readText(join(group, 'cpu.max')).trim().split(' ').map(Number);
    if (quota! > 0 && period! > 0) cores = Math.min(cores, quota! / period!);
  }
  const old = join(root, 'sys/fs/cgroup/cpu');
  const quota = Number(readText(join(old, 'cpu.cfs_quota_us')));
  const period = Number(readText(join(old, 'cpu.cfs_period_us')));
  if (quota > 0 && period > 0) cores = Math.min(cores, quota / period);
  return Math.round(cores * 100) / 100;
}

/** Memory we may use in bytes: the machine's, at most what our control groups allow. */
export function measureMemory(root = '/'): number {
  let bytes = totalmem();
  const limits = groupsOf(root).map((group) => Number.parseInt(readText(join(group, 'memory.max')), 10));
  limits.push(Number.parseInt(readText(join(root, 'sys/fs/cgroup/memory/memory.limit_in_bytes')), 10));
  for (const limit of limits) if (limit > 0) bytes = Math.min(bytes, limit);
  return bytes;
}

/** Our own control group (version 2) and all above it: each may limit. */
function groupsOf(root: string): string[] {
  const own = /^0::(\/.*)$/m.exec(readText(join(root, 'proc/self/cgroup')))?.[1];
  const top = join(root, 'sys/fs/cgroup');
  const groups: string[] = [];
  for (let at = join(top, own ?? '/'); at.startsWith(top); at = dirname(at)) groups.push(at.replace(/\/$/, ''));
  return [...new Set(groups)];
}

/** Bytes free for us where a path lies, or will lie; null when nobody says. */
export async function measureDisk(path: string): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) return null;
    }
  }
}

/** NVIDIA's and AMD's, as their drivers name them. @param asked what `nvidia-smi -L` printed, null without it. */
export function findGpus(asked: string | null, root = '/'): string[] {
  const named = [...(asked ?? '').matchAll(/^GPU \d+: (.+?)(?: \(UUID.*)?$/gm)].map((hit) => hit[1]!);
  if (named.length > 0) return named;
  const folder = join(root, 'proc/driver/nvidia/gpus');
  const nvidia = list(folder).map(
    (name) => /^Model:\s*(.+)$/m.exec(readText(join(folder, name, 'information')))?.[1] ?? 'NVIDIA',
  );
  const nodes = join(root, 'sys/class/kfd/kfd/topology/nodes');
  const amd = list(nodes)
    .filter((name) => /^simd_count [1-9]/m.test(readText(join(nodes, name, 'properties'))))
    .map((name) => `AMD ${readText(join(nodes, name, 'name')).trim()}`.trim());
  return [...nvidia, ...amd];
}
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such driver
  }
}
