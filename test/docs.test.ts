import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { verbs } from '../actors/front-door/contract.js';
import { commandLine } from '../clients/cli/program.js';
import { type Config, readConfig } from '../runtime/config.js';
import { type ErrorCode, errors } from '../runtime/errors.js';
import { packageRoot } from '../runtime/program.js';
import { repoRun } from '../workflows/repo-run.js';
import { bin, scratch } from './e2e/rr.js';

const root = packageRoot();
const rooms = ['runtime', 'checkpoints', 'providers', 'agents', 'managers', 'workflows', 'actors', 'clients'];
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const pages = ['README.md', 'CHANGELOG.md', ...filesIn('docs', '.md')];
const sources = rooms.flatMap((room) => filesIn(room, '.ts'));

/** The rows of all tables under a heading, or of the page: their cells, without the head. */
function rows(page: string, heading?: string): string[][] {
  const whole = text(page);
  const from = heading === undefined ? 0 : whole.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`${page} has no ${heading}`);
  const level = heading?.match(/^#+/)?.[0].length ?? 0;
  const part = heading === undefined ? whole : whole.slice(from + heading.length + 1);
  const end = level === 0 ? -1 : part.search(new RegExp(`^#{1,${level}} `, 'm'));
  const lines = (end < 0 ? part : part.slice(0, end)).split('\n');
  return lines.flatMap((line, n) => {
    const isHead = lines[n + 1]?.startsWith('|---');
    if (!line.startsWith('|') || line.startsWith('|---') || isHead) return [];
    return [
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.replaceAll('\\|', '|').trim()),
    ];
  });
}
const bare = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '');

// Errors.

test('every error code is explained once in docs/errors.md, with what it says about trying again, and no other is', () => {
  const told = rows('docs/errors.md');
  expect(told.map(([code]) => bare(code)).sort()).toEqual(Object.keys(errors).sort());
  for (const [code, meaning, fix, again] of told) {
    expect(again, code).toBe(errors[bare(code) as ErrorCode].retry);
    expect(meaning!.length, code).toBeGreaterThan(20);
    expect(fix!.length, code).toBeGreaterThan(10);
  }
});

test('every error code stands once in the table and is raised somewhere', () => {
  const codes = [...text('runtime/errors.ts').matchAll(/^ {2}([A-Z_]+): \{/gm)].map((match) => match[1]!);
  expect(codes).toEqual(Object.keys(errors));
  const raised = sources.map(text).join('\n');
  for (const code of codes) {
    // By fail() itself, or by a rule's row that is made into one.
    const spot = new RegExp(`fail\\(\\s*'${code}'|code: '${code}'`);
    expect(raised, `${code} is raised nowhere`).toMatch(spot);
  }
});

// Settings.

test('docs/operations.md lists every setting with the name it really has in the environment, its flag and its default', () => {
  const env = { HOME: '/home/me' };
  const { config } = readConfig({}, env);
  const told = rows('docs/operations.md', '## Settings').filter((cells) => cells.length === 5);
  expect(told.map(([name]) => bare(name)).sort()).toEqual(Object.keys(config).sort());
  const values: Partial<Record<keyof Config, string>> = {
    durability: 'process',
    sandbox: 'off',
    logLevel: 'debug',
    forceWire: 'true',
    host: 'other',
  };
  for (const [cell, variable, flag, given] of told) {
    const name = bare(cell) as keyof Config;
    const value = values[name] ?? '21000';
    expect(readConfig({}, { ...env, [bare(variable)]: value }).origins[name], `${variable} gives ${name}`).toBe(
      'environment',
    );
    expect(help().includes(`--${name} `), `a flag for ${name}`).toBe(bare(flag) === `--${name}`);
    if (name === 'cache') expect(config.cache).toBe('/home/me/.cache/repo-runner');
    else if (name === 'learned') expect(config.learned).toBe('/home/me/.cache/repo-runner/learned-fixes.json');
    else if (name === 'state') expect(config.state).toBe(join(process.cwd(), bare(given)));
    else if (name !== 'host') expect(bare(given), name).toBe(String(config[name] ?? 'none'));
  }
});

test('every variable of ours that the source reads is told in docs/operations.md', () => {
  const read = new Set(sources.flatMap((file) => text(file).match(/(?<!')\bRR_[A-Z_]*[A-Z]\b/g) ?? []));
  const page = text('docs/operations.md');
  for (const name of read) expect(page, name).toContain(`\`${name}\``);
});

// The command line.

const rr = commandLine(false, () => undefined);
/** What `rr … --help` prints. */
const help = (command = ''): string =>
  command
    .split(' ')
    .filter(Boolean)
    .reduce((above, name) => above.commands.find((one) => one.name() === name)!, rr)
    .configureHelp({ helpWidth: 200 })
    .helpInformation();
/** Of what was printed. */
const optionsOf = (printed: string): string[] =>
  [...printed.matchAll(/^ {2}(-[^\n]*?)(?: {2,}|\n)/gm)]
    .map((match) => match[1]!)
    .filter((one) => !one.includes('--help'));
const commandsIn = (printed: string): string[] =>
  [...printed.slice(printed.indexOf('\nCommands:')).matchAll(/^ {2}([a-z-]+) .*? {2,}/gm)]
    .map((match) => match[1]!)
    .filter((name) => name !== 'help');
const commands = commandsIn(help());
/** Commands of a command: `rr checkpoints list`. */
const below = (command: string): string[] =>
  help(command).includes('\nCommands:') ? commandsIn(help(command)).map((name) => `${command} ${name}`) : [];

test('docs/cli.md has every command with every option it takes, and none it does not', () => {
  const page = text('docs/cli.md');
  const headings = [...page.matchAll(/^## `rr ([a-z]+)[^`]*`$/gm)].map((match) => match[1]!);
  expect(headings.sort()).toEqual([...commands].sort());
  const general = rows('docs/cli.md', '## Options of every command').map(([option]) => bare(option));
  expect(general.sort()).toEqual([...optionsOf(help()), '-h, --help'].sort());
  for (const command of commands) {
    const section = page.slice(page.search(new RegExp(`^## \`rr ${command}\\b`, 'm'))).split(/^## /m)[1]!;
    const told = [...section.matchAll(/`((?:-\w, )?--[a-z-]+(?: <[^`]+>)?)`/g)].map((match) => match[1]!);
    const taken = [command, ...below(command)].flatMap((one) => optionsOf(help(one)));
    const known = [...taken, '--once'];
    for (const name of below(command)) expect(section, `rr ${name}`).toContain(`\`rr ${name}`);
    for (const option of taken) expect(told, `rr ${command} takes it`).toContain(option);
    for (const option of told) expect(known, `rr ${command} is said to take it`).toContain(option);
  }
});

test('docs/cli.md names the steps of a run as they are', () => {
  const said = /A step is one of ([\s\S]*?); a phase one of ([\s\S]*?)\./.exec(text('docs/cli.md'))!;
  const names = (list: string): string[] => [...list.matchAll(/`([a-z]+)`/g)].map((match) => match[1]!).sort();
  expect(names(said[1]!)).toEqual(repoRun.steps.map(({ id }) => id).sort());
  expect(names(said[2]!)).toEqual([...new Set(repoRun.steps.map(({ phase }) => phase))].sort());
});

// README.

const blocks = (page: string): string[] =>
  [...text(page).matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => match[1]!.trim().split('\n'));

test('every command the README shows is one that rr or npm knows, on files that are there', () => {
  const lines = blocks('README.md').flatMap((line) => line.replace(/ +#.*$/, '').split(' && '));
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) {
    const words = line.split(' ');
    const [program, name = ''] = words;
    if (program === 'npm') expect(['ci', 'test'], line).toContain(name);
    else if (program === 'node') expect(existsSync(join(root, name)), line).toBe(true);
    else {
      expect(words.slice(0, 2), line).toEqual(['npx', 'rr']);
      expect(commands, line).toContain(words[2]);
      const known = `${optionsOf(help(words[2]!)).join(' ')} --json`.match(/--[a-z]+/g);
      for (const option of words.filter((word) => word.startsWith('--'))) expect(known, line).toContain(option);
    }
    for (const path of words.filter((word) => /^(test|docs|scripts)\//.test(word)))
      expect(existsSync(join(root, path)), `${line}: ${path}`).toBe(true);
  }
});

test('the service the README chooses is one that the repository has', () => {
  const [, path, service] = /rr run (\S+) --service (\S+)/.exec(text('README.md'))!;
  const plan = JSON.parse(
    execFileSync(process.execPath, [bin, 'plan', join(root, path!), '--service', service!, '--json'], {
      encoding: 'utf8',
    }),
  );
  expect(plan.chosen).toEqual([service]);
});

test('the map of the README names every folder of the sources, in the order of the floors', () => {
  const told = rows('README.md', '## The map').map(([folder]) => bare(folder).replace('/', ''));
  expect(told.filter((name) => rooms.includes(name)).sort()).toEqual([...rooms].sort());
  for (const folder of told) expect(existsSync(join(root, folder)), folder).toBe(true);
  const line = rows('README.md', '## The map').find(([folder]) => bare(folder) === 'agents/')![1]!;
  const kinds = readdirSync(join(root, 'agents'));
  for (const kind of kinds) expect(line, `agents/${kind}`).toContain(kind);
});

test('the picture shows a run that was proven and one that was repaired, and no path of the machine it was made on', () => {
  const picture = text('docs/picture.svg');
  for (const said of ['rr run test/repos/express-hello --once', 'answers 200', 'healthy', 'helped'])
    expect(picture).toContain(said);
  expect(picture.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
    /(?<![:/\w.])\/(tmp|home|root|work|Users|var)\//,
  );
});

test('the example of the docs submits a job over NATS, hears its steps and prints its result', async () => {
  const s = scratch();
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const source = s.repo('node-plain');
  const example = join(root, 'docs/examples/submit.mjs');
  const script = `"$0" "$1" "$2" "$3" 2>"$4"`;
  const steps = join(s.dir, 'steps');
  const out = execFileSync('sh', ['-c', script, process.execPath, example, s.state, source, steps], {
    encoding: 'utf8',
  });
  expect(JSON.parse(out)).toMatchObject({ type: 'result', outcome: 'healthy', services: [{ proof: { status: 200 } }] });
  expect(readFileSync(steps, 'utf8')).toMatch(/^ok {3}prove: http:.* answers 200/m);
}, 60_000);

// Dependencies.

test('docs/dependencies.md has every dependency of package.json at its exact version, with reasons', () => {
  const { dependencies, devDependencies } = JSON.parse(text('package.json')) as Record<string, Record<string, string>>;
  const told = (heading: string) =>
    Object.fromEntries(rows('docs/dependencies.md', heading).map(([name, version]) => [bare(name), version]));
  expect(told('## At run time')).toEqual(dependencies);
  expect(told('## For development')).toEqual(devDependencies);
  for (const cells of rows('docs/dependencies.md')) expect(cells, cells[0]).toHaveLength(5);
});

// The front door.

type Schema = {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  default?: unknown;
  description?: string;
};
function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.properties) return `{${Object.keys(schema.properties).join(', ')}}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `object of ${typeOf(schema.additionalProperties)}`;
  return [schema.type ?? 'anything'].flat().join(' or ');
}
function table(schema: Schema, isRequest: boolean): string[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return ['Request: `{}`.'];
  return [
    `| ${isRequest ? 'request' : 'response'} | type | |`,
    '|---|---|---|',
    ...fields.map(([name, field]) => {
      const left = isRequest && !schema.required?.includes(name);
      const about = [
        left ? (field.default === undefined ? 'may be left out' : `default \`${JSON.stringify(field.default)}\``) : '',
        field.description ?? '',
      ];
      return `| \`${name}\` | ${typeOf(field).replaceAll('|', '\\|')} | ${about.filter(Boolean).join('; ')} |`;
    }),
  ];
}
const schemas = Object.fromEntries(
  Object.entries(verbs).map(([verb, { about, request, response }]) => [
    verb,
    { about, request: z.toJSONSchema(request, { io: 'input' }), response: z.toJSONSchema(response) },
  ]),
);

test('docs/front-door.schema.json holds the schemas of every verb (after a change: vitest -u)', async () => {
  await expect(`${JSON.stringify(schemas, null, 2)}\n`).toMatchFileSnapshot('../docs/front-door.schema.json');
});

test('docs/bus.md tells every verb of the front door as its contract has it (after a change: vitest -u)', async () => {
  const made = Object.entries(schemas).flatMap(([verb, { about, request, response }]) => [
    `### \`${verb}\``,
    '',
    about,
    '',
    ...table(request as Schema, true),
    '',
    ...table(response as Schema, false),
    '',
  ]);
  const page = text('docs/bus.md');
  const [start, end] = [page.indexOf('-->', page.indexOf('<!-- verbs:')) + 3, page.indexOf('<!-- /verbs -->')];
  const wanted = `${page.slice(0, start)}\n\n${made.join('\n')}${page.slice(end)}`;
  await expect(wanted).toMatchFileSnapshot('../docs/bus.md');
});

// Links.

const anchors = (page: string): Set<string> =>
  new Set(
    [...text(page).matchAll(/^#+ (.*)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );

test.each(pages)('every link in %s leads somewhere', (page) => {
  for (const [, target] of text(page)
    .replaceAll(/```[\s\S]*?```/g, '')
    .matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target!)) continue;
    const [path = '', anchor] = target!.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(root, file)), `${page}: ${target}`).toBe(true);
    if (anchor !== undefined) expect([...anchors(file)], `${page}: ${target}`).toContain(anchor);
  }
});

test('every decision says its context, its choice and what was rejected, in half a page, and is listed', () => {
  const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));
  expect(decisions.length).toBeGreaterThan(8);
  const list = text('docs/decisions/README.md');
  for (const [n, name] of decisions.entries()) {
    expect(name).toMatch(new RegExp(`^${String(n + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
    const page = text(join('docs/decisions', name));
    for (const part of ['Context', 'Choice', 'Rejected']) expect(page, `${name}: ${part}`).toContain(`**${part}.**`);
    expect(page.split(/\s+/).length, name).toBeLessThan(350);
    expect(list).toContain(`(${name})`);
  }
});

test('the files that other pages and our own messages send a reader to are there', () => {
  for (const file of [...sources, 'runtime/errors.ts'])
    for (const [target] of text(file).matchAll(/docs\/[a-z-]+\.(md|json)/g))
      expect(existsSync(join(root, target)), `${file}: ${target}`).toBe(true);
});
