/**
 * A real podman out of Debian's packages, in folders of its own: with vfs storage, without control groups, its network by
 * slirp4netns. A machine whose kernel keeps containers from running has none: then `why` says what it met.
 *
 * No registry can be reached from a test: images are made of what lies here, and their names are those they have elsewhere.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unpacked } from './debian.js';

const run = promisify(execFile);
const LIMIT = { timeout: 60_000, killSignal: 'SIGKILL' as const };

export interface TestEngine {
  /** A folder for PATH with `podman` in it. */
  bin: string;
  env: Record<string, string>;
  podman(...args: string[]): Promise<string>;
  /** Makes an image of a folder. @param config as a Dockerfile says it, e.g. `CMD ["redis-server"]`. */
  image(name: string, folder: string, ...config: string[]): Promise<void>;
  end(): Promise<void>;
}

/**
 * @param storageMb how large its disk is; default: as this machine's.
 * @returns why there is none, in words, where containers do not run here.
 */
export async function startEngine(storageMb?: number): Promise<TestEngine | { why: string }> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return { why: 'it wants root on Linux' };
  const home = mkdtempSync(join(tmpdir(), 'rr-engine-'));
  let holder: ChildProcess | null = null;
  const end = async (): Promise<void> => {
    await run(join(home, 'bin', 'podman'), ['rm', '--force', '--all', '--time', '0'], LIMIT).catch(() => undefined);
    holder?.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const root = await unpacked('podman', ['podman', 'crun', 'conmon', 'slirp4netns']);
    const libraries = librariesIn(root);
    for (const folder of ['bin', 'wrap', 'cfg', 'storage', 'run', 'tmp', 'cni', '.config/containers'])
      mkdirSync(join(home, folder), { recursive: true });
    const script = (path: string, text: string): void => {
      writeFileSync(path, `#!/bin/sh\n${text}\n`);
      chmodSync(path, 0o755);
    };
    for (const tool of ['crun', 'conmon', 'slirp4netns'])
      script(join(home, 'wrap', tool), `LD_LIBRARY_PATH=${libraries.join(':')} exec ${root}/usr/bin/${tool} "$@"`);
    const wrapped = (tool: string): string => JSON.stringify(join(home, 'wrap', tool));
    writeFileSync(
      join(home, 'cfg', 'containers.conf'),
      `[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
cgroups = "disabled"
netns = "slirp4netns"
log_driver = "k8s-file"
[network]
cni_plugin_dirs = ["${root}/usr/lib/cni"]
network_config_dir = "${home}/cni"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
conmon_path = [${wrapped('conmon')}]
network_cmd_path = ${wrapped('slirp4netns')}
helper_binaries_dir = ["${root}/usr/lib/podman", "${home}/wrap"]
[engine.runtimes]
crun = [${wrapped('crun')}]
`,
    );
    writeFileSync(
      join(home, 'cfg', 'storage.conf'),
      `[storage]\ndriver = "vfs"\ngraphroot = "${home}/storage"\nrunroot = "${home}/run"\n`,
    );
    writeFileSync(join(home, 'cfg', 'registries.conf'), 'unqualified-search-registries = ["docker.io"]\n');
    writeFileSync(
      join(home, '.config', 'containers', 'policy.json'),
      '{"default":[{"type":"insecureAcceptAnything"}]}',
    );
    const disk =
      storageMb === undefined ? '' : `mount -t tmpfs -o size=${storageMb}m tmpfs ${join(home, 'storage')} && `;
    // One mount namespace for all its calls; crun knows no machine with both versions of control groups.
    holder = spawn(
      'unshare',
      ['--mount', 'sh', '-c', `umount /sys/fs/cgroup/unified 2>/dev/null; ${disk}echo up; exec sleep 3600`],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    await new Promise<void>((resolve, reject) => {
      holder!.stdout!.once('data', () => resolve());
      holder!.once('exit', (code) => reject(new Error(`unshare ended with ${code}`)));
      holder!.once('error', reject);
    });
    const own = {
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      CONTAINERS_CONF: join(home, 'cfg', 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(home, 'cfg', 'storage.conf'),
      CONTAINERS_REGISTRIES_CONF: join(home, 'cfg', 'registries.conf'),
      LD_LIBRARY_PATH: libraries.join(':'),
    };
    const set = Object.entries(own).map(([name, value]) => `${name}=${value}`);
    const bin = join(home, 'bin');
    script(
      join(bin, 'podman'),
      // Its builds would make a bridge, which wants programs that are not here.
      `[ "$1" != build ] || { shift; set -- build --network=host "$@"; }
exec nsenter --target ${holder.pid} --mount env ${set.join(' ')} ${root}/usr/bin/podman "$@"`,
    );
    const podman = async (...args: string[]): Promise<string> =>
      (await run(join(bin, 'podman'), args, { ...LIMIT, cwd: '/', maxBuffer: 16 << 20 })).stdout;
    const image = async (name: string, folder: string, ...config: string[]): Promise<void> => {
      const tar = join(home, 'tmp', 'image.tar');
      await run('tar', ['-C', folder, '-cf', tar, '.'], LIMIT);
      await podman('import', '--quiet', ...config.flatMap((line) => ['--change', line]), tar, name);
      rmSync(tar);
    };
    const box = await boxFolder(home);
    await image('docker.io/library/box:1', box, 'ENV PATH=/bin');
    const said = await podman(
      'run',
      '--rm',
      '--pull=never',
      'docker.io/library/box:1',
      '/bin/sh',
      '-c',
      'echo it-runs',
    );
    if (said.trim() !== 'it-runs') throw new Error(`a container said ${said}`);
    return { bin, env: { PATH: `${bin}:${process.env.PATH}` }, podman, image, end };
  } catch (error) {
    await end();
    const { stderr, message } = error as Error & { stderr?: string };
    return { why: (stderr || message).trim().slice(0, 500) };
  }
}

/** A root of busybox alone. */
async function boxFolder(home: string): Promise<string> {
  const root = join(home, 'box');
  const busybox = join(await unpacked('busybox-static', ['busybox-static']), 'bin', 'busybox');
  for (const folder of ['bin', 'tmp', 'etc']) mkdirSync(join(root, folder), { recursive: true });
  cpSync(busybox, join(root, 'bin', 'busybox'));
  for (const applet of ['sh', 'ls', 'cat', 'id', 'sleep', 'httpd', 'echo', 'mkdir', 'env'])
    symlinkSync('busybox', join(root, 'bin', applet));
  return root;
}

/**
 * Makes a root folder with programs of this machine and the libraries they need, at the paths they have here.
 * @param programs absolute → the path within. @param unpackedAt where packages lie whose libraries the machine lacks.
 */
export async function rootOf(
  into: string,
  programs: Readonly<Record<string, string>>,
  unpackedAt: string | null = null,
): Promise<string> {
  for (const folder of ['bin', 'tmp', 'etc', 'usr/bin', 'usr/local/bin', 'lib64'])
    mkdirSync(join(into, folder), { recursive: true });
  writeFileSync(join(into, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  const env =
    unpackedAt === null ? process.env : { ...process.env, LD_LIBRARY_PATH: librariesIn(unpackedAt).join(':') };
  for (const [from, to] of Object.entries({ '/bin/sh': '/bin/sh', '/usr/bin/env': '/usr/bin/env', ...programs })) {
    const { stdout } = await run('ldd', [from], { env }).catch(() => ({ stdout: '' }));
    for (const [found] of stdout.matchAll(/\/[^\s:]+/g))
      lay(into, found, unpackedAt !== null && found.startsWith(unpackedAt) ? join('/usr/lib', basename(found)) : found);
    lay(into, from, to);
  }
  return into;
}
const librariesIn = (root: string): string[] =>
  ['usr/lib', 'lib']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { withFileTypes: true })
        .filter((one) => one.isDirectory() && one.name.endsWith('-linux-gnu'))
        .map(({ name }) => join(root, folder, name)),
    );
function lay(root: string, from: string, to: string): void {
  const at = join(root, to);
  if (existsSync(at) || !existsSync(from)) return;
  mkdirSync(dirname(at), { recursive: true });
  cpSync(from, at, { dereference: true });
}
