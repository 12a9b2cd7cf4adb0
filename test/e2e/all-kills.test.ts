/**
 * A run of several services whose runtime is killed by SIGKILL at random instants: while all are up, while one or two of
 * them are being repaired, and while they are started anew. Each time the next runtime finds again what nobody has touched,
 * goes on with what was begun, and all of them are up and well in the end, each of them once.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { commitAll, eventually, factsOf, finish, rawClient, type Scratch, scratch } from './rr.js';

const KILLS = 25;

/** `api` and `web` read what they have built at each request; `web` shows what `api` says; `jobs` answers nobody. */
function repository(s: Scratch): string {
  const repo = join(s.dir, 'three');
  const write = (path: string, text: string): void => {
    mkdirSync(join(repo, path, '..'), { recursive: true });
    writeFileSync(join(repo, path), text);
  };
  const scripts = { build: 'node build.js', start: 'node server.js' };
  const server = (shown: string): string => `const { readFileSync } = require('node:fs');
require('node:http').createServer(async (_, response) => {
  try {
    response.end(readFileSync(__dirname + '/dist/page.html', 'utf8') + ${shown});
  } catch (error) {
    console.error(error.stack);
    response.writeHead(500).end('broken');
  }
}).listen(process.env.PORT);
`;
  const build = `require('node:fs').mkdirSync('dist', { recursive: true });
setTimeout(() => require('node:fs').writeFileSync('dist/page.html', '<!doctype html><title>Three</title><p>'), 700);
`;
  for (const [name, shown] of [
    ['api', "'apples'"],
    ['web', 'await (await fetch(process.env.API_URL)).text()'],
  ] as const) {
    write(`${name}/package.json`, JSON.stringify({ name, scripts }));
    write(`${name}/build.js`, build);
    write(`${name}/server.js`, server(shown));
    write(`${name}/Dockerfile`, 'FROM node:20\nCOPY . .\nRUN npm run build\nCMD ["node", "server.js"]\n');
  }
  write('jobs/package.json', JSON.stringify({ name: 'jobs', scripts: { start: 'node worker.js' } }));
  write('jobs/worker.js', "console.log('waits for work');\nsetInterval(() => {}, 1000);\n");
  write('jobs/Dockerfile', 'FROM node:20\nCOPY . .\nCMD ["node", "worker.js"]\n');
  write(
    'compose.yaml',
    `services:
  api:
    build: ./api
    ports: ["4310:4310"]
  web:
    build: ./web
    ports: ["4320:4320"]
    environment:
      API_URL: http://api:4310
    depends_on: [api]
  jobs:
    build: ./jobs
`,
  );
  commitAll(repo, 'node_modules/\ndist/\n');
  return repo;
}

interface Seen {
  state: string;
  services: { service: string; url: string | null; up: boolean; rising: boolean; well: boolean }[];
}

test.runIf(process.env.RR_LONG)(
  `killed ${KILLS} times while several services are up, repaired or started anew, it brings all of them back, each once`,
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '20000', RR_WATCH_MS: '200', RR_STEADY_MS: '1000' });
    const repo = repository(s);
    const start = async () => {
      const rr = s.rr('up', '--foreground', '--json');
      await rr.object(({ type }) => type === 'up');
      return rr;
    };
    let rr = await start();
    const submitted = await finish(s.rr('submit', repo, '--all', '--json'));
    const run = String(submitted.objects[0]!.run);
    const pidOf = (name: string): number[] =>
      s
        .processes()
        .filter(({ what, pid }) => /^node (server|worker)\.js/.test(what.trim()) && cwdOf(pid).endsWith(`/${name}`))
        .map(({ pid }) => pid);
    const told = (type: string) => factsOf(s.state, run).filter((fact) => fact.type === type);
    const allWell = async (): Promise<Seen> => {
      const client = await rawClient(s.state);
      try {
        return await eventually(
          async () => (await client.ask('rr.api.local.runs.status', { run })) as unknown as Seen,
          ({ state, services }) =>
            state === 'up' && services.length === 3 && services.every(({ up, rising, well }) => up && !rising && well),
          60_000,
        );
      } finally {
        await client.nats.close();
      }
    };
    await allWell();
    let during = 0;
    for (let kills = 0; kills < KILLS; kills += 1) {
      const before = { api: pidOf('api')[0]!, web: pidOf('web')[0]!, jobs: pidOf('jobs')[0]! };
      const what = kills % 6;
      if (what === 1) process.kill(before.api, 'SIGKILL');
      if (what === 2) process.kill(before.jobs, 'SIGKILL');
      if (what === 3 || what === 4) rmSync(join(repo, 'api/dist'), { recursive: true });
      if (what === 4) rmSync(join(repo, 'web/dist'), { recursive: true });
      if (what === 5) {
        const client = await rawClient(s.state);
        await client.ask('rr.api.local.runs.restart', { run });
        await client.nats.close();
      }
      await sleep(randomInt(2_500));
      if (/"state": "healing"/.test(readFileSync(join(s.state, 'runs', run, 'run.json'), 'utf8'))) during += 1;
      rr.child.kill('SIGKILL');
      await rr.exited;
      if (randomInt(3) === 0) {
        // In the midst of its recovery once more.
        const again = s.rr('up', '--foreground', '--json');
        await sleep(200 + randomInt(900));
        again.child.kill('SIGKILL');
        await again.exited;
      }
      rr = await start();
      // What was broken just before the kill has not been looked at by anybody yet.
      const web = (await allWell()).services.find(({ service }) => service === 'web')!;
      const shown = async (): Promise<string> => (await fetch(web.url!).catch(() => null))?.text() ?? '';
      await eventually(shown, (text) => text.endsWith('apples'));
      await eventually(
        () => pidOf('jobs').length,
        (count) => count > 0,
      );
      await allWell();
      // Each of them once, and untouched what nobody has touched.
      const now = { api: pidOf('api'), web: pidOf('web'), jobs: pidOf('jobs') };
      expect([now.api.length, now.web.length, now.jobs.length]).toEqual([1, 1, 1]);
      if (what === 0) expect(now).toEqual({ api: [before.api], web: [before.web], jobs: [before.jobs] });
      if (what !== 2 && what !== 5) expect(now.jobs).toEqual([before.jobs]);
    }
    expect(told('run.app-exited')).toEqual([]);
    console.log(`${KILLS} kills, ${during} of them during a repair; ${told('run.app-healed').length} repairs`);
    expect((await finish(s.rr('stop', run))).code).toBe(0);
    rr.child.kill('SIGINT');
    await rr.exited;
    await expectNothingLeft(s, [], 40_000);
  },
  KILLS * 40_000,
);

const cwdOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has just ended
  }
};
