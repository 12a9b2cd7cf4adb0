/** Detect and plan on generated repositories: a monorepo of Node and Python services, with sources that read variables. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planOf } from '../../actors/plan.js';
import type { Bench } from './main.js';
import { summary, timed } from './times.js';

const ROUNDS = 5;
const SERVICES = 10;

/** @param files how many, spread over ten services and folders of a hundred. */
export function generate(root: string, files: number): void {
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ name: 'generated', private: true, workspaces: ['services/*'] }),
  );
  const each = Math.floor(files / SERVICES);
  for (let service = 0; service < SERVICES; service += 1) {
    const dir = join(root, 'services', `s${service}`);
    mkdirSync(dir, { recursive: true });
    if (service % 2 === 0)
      writeFileSync(
        join(dir, 'package.json'),
        JSON.stringify({
          name: `s${service}`,
          scripts: { start: 'node server.js' },
          dependencies: { express: '^4.21.0' },
        }),
      );
    else writeFileSync(join(dir, 'requirements.txt'), 'flask==3.0.0\n');
    writeFileSync(
      join(dir, service % 2 === 0 ? 'server.js' : 'app.py'),
      service % 2 === 0
        ? "require('express')().listen(process.env.PORT || 3000);\n"
        : 'from flask import Flask\napp = Flask(__name__)\n',
    );
    for (let n = 2; n < each; n += 1) {
      const folder = join(dir, 'src', `f${Math.floor(n / 100)}`);
      if (n % 100 === 0 || n === 2) mkdirSync(folder, { recursive: true });
      const text =
        service % 2 === 0
          ? `export const v${n} = process.env.VALUE_${n % 7} ?? '${n}';\n`
          : `import os\nv = os.environ.get('VALUE_${n % 7}', '${n}')\n`;
      writeFileSync(join(folder, `m${n}.${service % 2 === 0 ? 'js' : 'py'}`), text);
    }
  }
}

export const plan: Bench = async function* (wanted) {
  for (const [name, files] of [
    ['plan-1k', 1_000],
    ['plan-10k', 10_000],
    ['plan-100k', 100_000],
  ] as const) {
    if (!wanted(name)) continue;
    const root = mkdtempSync(join(tmpdir(), 'rr-bench-'));
    try {
      generate(root, files);
      const times: number[] = [];
      let services = 0;
      for (let n = 0; n < ROUNDS; n += 1) {
        const { ms, value } = await timed(() => planOf(root));
        times.push(ms);
        services = value.services.length;
      }
      yield {
        measure: name,
        ...summary(times),
        ratio: null,
        settings: { files, services, rounds: ROUNDS, aim: files === 10_000 ? '≤ 300 ms' : null },
      };
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
};
