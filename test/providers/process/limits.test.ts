import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openKeeper } from '../../../providers/process/client.js';
import { bound, noLimits } from '../../../providers/process/limits.js';
import { hashOf } from '../../../providers/process/protocol.js';
import { NOBODY, runBuilt, scratch } from '../../runtime/broker/help.js';
import { command, scratchRun, until } from './scratch.js';

const MB = 2 ** 20;
/** Whether the kernel keeps a limit for us here: as root where control groups may be written. */
const keeps = (name: string, limits: object): boolean => {
  const bounds = bound(`test-${process.pid}-${name}`, { ...noLimits, ...limits }, '/');
  bounds.remove();
  return process.getuid?.() === 0 && bounds.lacking.length === 0;
};
const groups = (start: string): string[] =>
  execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', '*/repo-runner/*'], { encoding: 'utf8' })
    .split('\n')
    .filter((path) => path.includes(`/${start}-`));

test.skipIf(!keeps('pids', { pids: 50 }))(
  'a command that forks without end gets no more processes than it may have, and its failure is put down to that',
  async () => {
    const run = scratchRun();
    const { keeper } = await openKeeper(run);
    // 300 at most, and all end by themselves.
    const forks = command(run, 'forks', 'i=0; while [ $i -lt 300 ]; do sleep 3 & i=$((i+1)); done; wait; exit 5', {
      limits: { ...noLimits, pids: 40 },
    });
    await keeper.start(forks);
    const most = await until(() => {
      const [folder] = groups(hashOf(run.bundle)).filter(
        (path) => path.includes('/pids/') || !path.includes('/memory/'),
      );
      const procs = folder === undefined ? 0 : readFileSync(`${folder}/pids.current`, 'utf8');
      return Number(procs) >= 39 ? Number(procs) : null;
    });
    expect(most).toBeLessThanOrEqual(40);
    const exit = await keeper.exited(forks.id);
    expect(exit).toMatchObject({ limit: 'pids' });
    expect(exit.code).not.toBe(0);
    expect(readFileSync(forks.log, 'utf8')).toContain('[keeper] limited: it wants more than 40 processes');
    await keeper.end();
    expect(groups(hashOf(run.bundle))).toEqual([]);
  },
);

test.skipIf(!keeps('memory', { memoryBytes: 64 * MB }))(
  'a command that takes more memory than it may have is ended by the kernel, and that is told',
  async () => {
    const run = scratchRun();
    const { keeper } = await openKeeper(run);
    const eats = command(run, 'eats', 'python3 -c "x = bytearray(300 << 20); print(len(x))"', {
      limits: { ...noLimits, memoryBytes: 100 * MB },
    });
    await keeper.start(eats);
    expect(await keeper.exited(eats.id)).toMatchObject({ limit: 'memory' });
    expect(readFileSync(eats.log, 'utf8')).toContain('it needs more than 100 MB of memory');
    const fits = command(run, 'fits', 'python3 -c "print(len(bytearray(20 << 20)))"', {
      limits: { ...noLimits, memoryBytes: 100 * MB },
    });
    await keeper.start(fits);
    expect(await keeper.exited(fits.id)).toMatchObject({ code: 0, limit: null });
  },
);

test.skipIf(!keeps('cpu', { cpus: 0.2 }))('a command gets no more of the processors than it may have', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  // Three seconds of three that want a processor each; the shell sums up what its children have had.
  const burn = "i=0; while [ $i -lt 3 ]; do timeout 3 sh -c 'while :; do :; done' & i=$((i+1)); done; wait; times";
  const had = async (id: string, cpus: number | null): Promise<number> => {
    const one = command(run, id, burn, { limits: { ...noLimits, cpus } });
    await keeper.start(one);
    await keeper.exited(one.id);
    const times = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(readFileSync(one.log, 'utf8'))!.slice(1).map(Number);
    return times[0]! * 60 + times[1]! + times[2]! * 60 + times[3]!;
  };
  const [held, free] = [await had('held', 0.2), await had('free', null)];
  expect(held).toBeLessThan(1); // 0.6 s are given
  expect(free).toBeGreaterThan(held);
  await keeper.end();
});

test.skipIf(!keeps('pids', { pids: 50 }))(
  'the groups of a keeper that was killed are removed by the next keeper, whosoever it is',
  async () => {
    const [killed, next] = [scratchRun(), scratchRun()];
    const { keeper } = await openKeeper(killed);
    const { pid } = await keeper.start(command(killed, 'stays', 'sleep 60', { limits: { ...noLimits, pids: 50 } }));
    expect(groups(hashOf(killed.bundle))).toHaveLength(1);
    process.kill(keeper.pid, 'SIGKILL');
    process.kill(-pid, 'SIGKILL');
    await until(() => !existsSync(`/proc/${keeper.pid}`) && !existsSync(`/proc/${pid}`));
    await (await openKeeper(next)).keeper.end();
    expect(groups(hashOf(killed.bundle))).toEqual([]);
  },
);

test('a command that fills the disk is stopped while there is space left', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const { bavail, bsize } = statfsSync(tmpdir());
  // It would write 1.5 GB; 300 MB less than there are now are too few.
  const fills = command(
    run,
    'fills',
    'i=0; while [ $i -lt 150 ]; do head -c 10000000 /dev/zero >>full; i=$((i+1)); sleep 0.1; done',
    {
      limits: { ...noLimits, freeBytes: bavail * bsize - 300 * MB },
    },
  );
  await keeper.start(fills);
  expect(await keeper.exited(fills.id)).toMatchObject({ limit: 'disk' });
  expect(readFileSync(fills.log, 'utf8')).toMatch(/\[keeper\] stopped: the disk has less than \d+ MB left/);
  expect(readdirSync(run.bundle)).toContain('full');
}, 60_000);

const isRoot = process.getuid?.() === 0;
test.runIf(isRoot && process.platform === 'linux')(
  'an ordinary user has the limits too: memory is added up, processes are counted by the kernel, processors are not kept, and that is noted',
  { timeout: 60_000 },
  async () => {
    const folder = scratch();
    chownSync(folder, NOBODY, NOBODY);
    const code = `
      const { openKeeper } = await import(new URL('providers/process/client.js', DIST));
      const { keeper } = await openKeeper({ bundle: ${JSON.stringify(join(folder, 'run'))}, run: 'r1', runtimeDir: ${JSON.stringify(folder)} });
      const none = { memoryBytes: null, pids: null, cpus: null, freeBytes: null };
      const run = async (id, shell, limits) => {
        const log = ${JSON.stringify(folder)} + '/' + id + '.log';
        const cwd = ${JSON.stringify(folder)};
        await keeper.start({ id, shell, within: [], cwd, env: { PATH: process.env.PATH }, log, wallMs: 30_000, idleMs: null,
          outputBytes: null, logBytes: 1 << 20, limits: { ...none, ...limits }, gate: null });
        return keeper.exited(id);
      };
      const told = {
        eats: await run('eats', 'exec "$0" -e "const held = []; setInterval(() => held.push(Buffer.alloc(32 << 20, 1)), 50)"'.replace('$0', process.execPath), { memoryBytes: 200 << 20 }),
        fits: await run('fits', 'true', { memoryBytes: 200 << 20, pids: 50 }),
        forks: await run('forks', 'i=0; while [ $i -lt 100 ]; do sleep 2 & i=$((i+1)); done; wait; exit 5', { pids: 20, cpus: 0.5 }),
      };
      await keeper.end();
      console.log(JSON.stringify(told));`;
    const told = await runBuilt<Record<string, { code: number | null; limit: string | null }>>(
      code,
      { PATH: process.env.PATH },
      NOBODY,
    );
    const log = (name: string): string => readFileSync(join(folder, `${name}.log`), 'utf8');
    expect(told.eats).toMatchObject({ limit: 'memory' });
    expect(log('eats')).toMatch(/\[keeper\] stopped: it has \d+ MB of memory, at most 200 MB are given/);
    expect(told.fits).toMatchObject({ code: 0, limit: null });
    expect(told.forks!.code).not.toBe(5);
    expect(log('forks')).toMatch(/fork/i);
    expect(readFileSync(join(folder, 'run', 'keeper.log'), 'utf8')).toContain('no limit here for cpu');
  },
);
