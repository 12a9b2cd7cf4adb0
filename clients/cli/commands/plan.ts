/** `rr plan`: what a repository is and what would be done with it. */
import { resolve } from 'node:path';
import type { Service } from '../../../agents/detection/contract.js';
import { planOf } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';

export async function plan({ json }: Globals, path: string, { service }: { service?: string }): Promise<number> {
  const made = await planOf(resolve(path), service ?? null);
  if (json) process.stdout.write(`${JSON.stringify(made)}\n`);
  else {
    const { services, chosen, notes } = harmless(made);
    for (const one of services) process.stdout.write(`${describe(one, chosen.includes(one.name))}\n`);
    if (services.length === 0) process.stdout.write('nothing that could be run was found\n');
    for (const note of notes) process.stdout.write(`note: ${note}\n`);
  }
  return codes.ok;
}

function describe(service: Service, chosen: boolean): string {
  const {
    name,
    path,
    kind,
    language,
    framework,
    packageManager,
    versions,
    commands,
    ports,
    env,
    needs,
    proof,
    confidence,
    evidence,
  } = service;
  const rows: [string, string[]][] = [
    ['is', [[kind, language, framework, packageManager].filter(Boolean).join(', ')]],
    ['versions', Object.entries(versions).map(([tool, { want, from }]) => `${tool} ${want} (${from})`)],
    ['install', commands.install],
    ['build', commands.build],
    ['start', commands.start ? [commands.start] : []],
    ['ports', ports.map(({ number, from }) => `${number} (${from})`)],
    [
      'env',
      env.map(
        (v) =>
          `${v.name}${v.required ? ' required' : ''}${v.secret ? ' secret' : ''}${v.default === null ? '' : ` = ${v.secret ? '***' : v.default}`} (${v.from})`,
      ),
    ],
    ['needs', needs],
    [
      'proof',
      [
        proof.how === 'http'
          ? proof.paths.map(({ path: p, from }) => `${p} (${from})`).join(', ') || '/'
          : `${proof.how}${proof.command ? `: ${proof.command}` : ''}`,
      ],
    ],
    ['evidence', evidence.map(({ claim, file, line }) => `${claim} (${file}${line === null ? '' : `:${line}`})`)],
  ];
  const body = rows.flatMap(([label, values]) =>
    values.map((value, n) => `  ${(n === 0 ? label : '').padEnd(9)} ${value}`),
  );
  return [`${chosen ? '*' : ' '} ${name} at ${path}, confidence ${confidence.toFixed(2)}`, ...body].join('\n');
}
