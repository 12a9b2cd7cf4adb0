/** Compose files: which servers the application needs, and how its own services are started, fed and checked. */
import { posix } from 'node:path';
import type { Contained, Hint } from '../contract.js';
import { asList, asTable, asText, asTexts, type Table } from '../values.js';
import { joinArgv, portIn } from './commands.js';
import { substitute } from './dockerfile-text.js';
import { openYaml, type Read } from './documents.js';
import { readEnvFile } from './env-example.js';
import { runtimeOf, serverOf } from './images.js';
import { findLocalUrls } from './local-urls.js';
import { isSecret } from './secrets.js';
import {
  type Source,
  type SourceFile,
  sayCommand,
  sayEnv,
  sayHealth,
  sayMember,
  sayNeed,
  sayPort,
  sayVersion,
} from './source.js';

export const composeNames = /^(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$/;

type Member = Extract<Hint, { about: 'member' }>;
interface Part {
  name: string;
  table: Table;
  /** The place it is built from or mounts; null for an image of somebody else. */
  place: string | null;
  server: string | null;
}

export const compose: Source = {
  names: composeNames,
  depth: 1,
  read(file: SourceFile): Hint[] {
    const doc = openYaml(file);
    if (doc === null) return [];
    const scale = /test|ci|e2e|bench/i.test(posix.basename(file.path)) ? 0.5 : 1;
    const tables = asTable(asTable(doc.value).services);
    const parts = Object.keys(tables).map((name): Part => {
      const table = extended(file, tables, name);
      const image = asText(table.image);
      const server = image === null ? null : serverOf(fill(image));
      return { name, table, place: server === null ? placeOfPart(file, table) : null, server };
    });
    const apps = parts.filter((part) => part.place !== null);
    const foreign = parts.filter((part) => part.place === null && part.server === null);
    return [
      ...apps.flatMap((part) => readApp(file, doc, part, scale, parts)),
      ...foreign.flatMap((part) => readForeign(file, doc, part, scale, parts)),
      ...readNeeds(file, doc, parts, scale),
    ];
  },
};

/** A service of which nothing lies in the repository: somebody's image, or one that is built of somewhere else. */
function readForeign(file: SourceFile, doc: Read, { name, table }: Part, scale: number, parts: Part[]): Hint[] {
  const line = doc.line('services', name);
  const contained = containerOf(file, name, table, parts);
  if (contained === null) return [];
  const isOnce = parts.some(({ table: other }) => {
    const after = asTable(asTable(other.depends_on)[name]);
    return after.condition === 'service_completed_successfully';
  });
  const profiles = asTexts(table.profiles);
  const member = {
    name,
    ...neighbours(name, table, parts),
    worker: contained.ports.length === 0,
    ...restartOf(table),
    ...(profiles.length > 0 ? { profiles } : {}),
    ...(isOnce ? { once: true } : {}),
    ...mountsOf(file, table, NOWHERE),
    ...readyOf(table, `${file.path}:${doc.line('services', name, 'healthcheck')}`, true),
    container: contained,
    alone: true,
    env: valuesOf(table),
  };
  return [sayMember(file, line, 0.7 * scale, member, '.')];
}
/** No folder of the repository, so that all that is mounted of it counts. */
const NOWHERE = '';
const valuesOf = (table: Table) =>
  environmentOf(table).flatMap(({ name, value }) =>
    value === null ? [] : [{ name, secret: isSecret(name, value), default: fill(value) }],
  );

/** What an engine is told of a service; null, with a note: it wants what no service of a run is given. */
function containerOf(file: SourceFile, name: string, table: Table, parts: Part[]): Contained | null {
  const said = asText(table.image);
  const image = said === null || isUnset(said) || !IMAGE.test(fill(said)) ? null : fill(said);
  const build = buildOf(file, table);
  const wants = Object.keys(table).filter((key) => BEYOND.has(key) && table[key] !== false);
  const outside = asList(table.volumes)
    .map((raw) => (typeof raw === 'string' ? fill(raw).split(':')[0]! : (asText(asTable(raw).source) ?? '')))
    .filter((source) => /^[/~]|^\.\.(?:\/|$)|^\$/.test(source));
  const not = [...wants, ...outside, ...(image === null && build === null ? ['an image that is not named'] : [])];
  if (not.length > 0) {
    file.note(null, `${name} is left out: it wants ${not.join(', ')}`);
    return null;
  }
  const ports = (['ports', 'expose'] as const).flatMap((key) =>
    asList(table[key]).flatMap((raw) => targetOf(raw) ?? []),
  );
  const variables = environmentOf(table);
  const names = (other: string): boolean =>
    dependenciesOf(table).includes(other) ||
    variables.some(({ value }) => value !== null && namesHost(fill(value), other));
  const others = parts.filter((part) => part.name !== name && names(part.name));
  return {
    image: build === null ? image : null,
    build,
    entrypoint: wordsOf(table.entrypoint),
    command: wordsOf(table.command),
    workdir: asText(table.working_dir),
    ports: [...new Set(ports)],
    needs: [...new Set(others.flatMap(({ server }) => server ?? []))],
    speaks: others.some(({ server }) => server === null),
  };
}
const IMAGE = /^[a-z0-9][\w./:@-]{0,250}$/i;
/** Of the machine or of the engine itself. */
const BEYOND = new Set([
  'privileged',
  'devices',
  'cap_add',
  'pid',
  'ipc',
  'network_mode',
  'userns_mode',
  'runtime',
  'gpus',
]);
function buildOf(file: SourceFile, table: Table): Contained['build'] {
  if (table.build === undefined) return null;
  const build = typeof table.build === 'string' ? { context: table.build } : asTable(table.build);
  const given = fill(asText(build.context) ?? '.');
  const context = posix.normalize(posix.join(posix.dirname(file.path), given)).replace(/\/$/, '');
  const recipe = posix.normalize(posix.join(context, fill(asText(asTable(build).dockerfile) ?? 'Dockerfile')));
  if (/^(?:https?|git|ssh):/.test(given) || given.startsWith('/') || context.startsWith('..')) return null;
  if (!file.tree.has(recipe)) return null;
  const args = environmentOf({ environment: asTable(build).args });
  return {
    context,
    file: recipe,
    target: asText(asTable(build).target),
    args: Object.fromEntries(args.flatMap(({ name, value }) => (value === null ? [] : [[name, fill(value)]]))),
  };
}
function wordsOf(raw: unknown): string[] | null {
  if (Array.isArray(raw)) return raw.map((word) => fill(String(word)));
  return typeof raw === 'string' && raw.trim() !== '' ? ['/bin/sh', '-c', `exec ${fill(raw)}`] : null;
}
const dependenciesOf = (table: Table): string[] =>
  Array.isArray(table.depends_on) ? asTexts(table.depends_on) : Object.keys(asTable(table.depends_on));
/** The others of the project that it comes after, and those that its variables name. */
function neighbours(name: string, table: Table, parts: readonly Part[]): Pick<Member, 'after' | 'links'> {
  const members = parts.filter(({ server }) => server === null).map((part) => part.name);
  return {
    after: dependenciesOf(table).filter((other) => members.includes(other)),
    links: environmentOf(table).flatMap(({ name: env, value }) => {
      const to = value === null ? undefined : members.find((other) => other !== name && namesHost(fill(value), other));
      return to === undefined ? [] : [{ env, value: fill(value!), to }];
    }),
  };
}

/** What a service takes over from another one, of this file or of one beside it, under what it says itself. */
function extended(file: SourceFile, tables: Table, name: string, seen: readonly string[] = []): Table {
  const { extends: from, ...own } = asTable(tables[name]);
  if (from === undefined) return own;
  const base = typeof from === 'string' ? { service: from } : asTable(from);
  const service = asText(base.service) ?? name;
  const other = asText(base.file);
  const path = other === null ? file.path : posix.normalize(posix.join(posix.dirname(file.path), fill(other)));
  const key = `${path}#${service}`;
  if (seen.includes(key) || seen.length > 20) return own;
  if (path === file.path) return laidOver(extended(file, tables, service, [...seen, key]), own);
  const text = path.startsWith('..') ? null : file.tree.read(path);
  const doc = text === null ? null : openYaml({ ...file, path, text });
  if (doc === null) {
    file.note(null, `${name} extends ${service} of ${path}, which cannot be read`);
    return own;
  }
  const theirs = asTable(asTable(doc.value).services);
  const whole = extended({ ...file, path, text: text! }, theirs, service, [...seen, key]);
  const relative = posix.relative(posix.dirname(file.path), posix.dirname(path));
  return laidOver(relative === '' ? whole : movedTo(relative, whole), own);
}
/** Its paths are those of its own file. */
function movedTo(folder: string, table: Table): Table {
  const move = (path: string): string => (path.startsWith('.') ? `./${posix.join(folder, path)}` : path);
  const { build, env_file: files, volumes } = table;
  const moved: Table = { ...table };
  if (typeof build === 'string') moved.build = `./${posix.join(folder, build)}`;
  else if (build !== undefined)
    moved.build = { ...asTable(build), context: `./${posix.join(folder, asText(asTable(build).context) ?? '.')}` };
  if (files !== undefined)
    moved.env_file = (typeof files === 'string' ? [files] : asTexts(files)).map((one) => posix.join(folder, one));
  if (volumes !== undefined) moved.volumes = asList(volumes).map((one) => (typeof one === 'string' ? move(one) : one));
  return moved;
}
/** As compose does it: tables and lists grow, all else is replaced. */
function laidOver(base: Table, own: Table): Table {
  const merged: Table = { ...base };
  for (const [key, value] of Object.entries(own)) {
    const before = base[key];
    if (key === 'environment' && before !== undefined) {
      const pairs = [...environmentOf(base), ...environmentOf(own)];
      merged.environment = Object.fromEntries(pairs.map((one) => [one.name, one.value]));
    } else if (Array.isArray(before) && Array.isArray(value) && key !== 'command' && key !== 'entrypoint')
      merged[key] = [...before, ...value];
    else if (isPlain(before) && isPlain(value)) merged[key] = { ...before, ...value };
    else merged[key] = value;
  }
  return merged;
}
const isPlain = (value: unknown): value is Table =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Interpolation without a value takes the default, `$$` is a dollar. */
const fill = (text: string): string => substitute(text, new Map()).replaceAll('$$', '$');
const isUnset = (text: string): boolean => /\$\{?\w/.test(substitute(text, new Map()).replaceAll('$$', ''));

function placeOfPart(file: SourceFile, table: Table): string | null {
  const here = posix.dirname(file.path);
  const inside = (path: string): string | null => {
    const full = posix.normalize(posix.join(here, path)).replace(/\/$/, '');
    return full.startsWith('..') || path.startsWith('/') ? null : full;
  };
  const build = typeof table.build === 'string' ? { context: table.build } : asTable(table.build);
  if (table.build !== undefined) {
    const given = fill(asText(build.context) ?? '.');
    const context = /^(?:https?|git|ssh):/.test(given) ? null : inside(given);
    if (context === null) return null;
    const place = file.placeOf(context);
    const recipe = posix.normalize(posix.join(context, asText(asTable(build).dockerfile) ?? 'Dockerfile'));
    file.claim(recipe, posix.dirname(recipe) === context ? place : file.placeOf(nearerOf(file, context, recipe)));
    return place;
  }
  for (const volume of asList(table.volumes)) {
    const source =
      typeof volume === 'string'
        ? /^(\.{1,2}(?:\/[^:]*)?):/.exec(volume)?.[1]
        : asTable(volume).type === 'bind'
          ? asText(asTable(volume).source)
          : null;
    if (source === undefined || source === null || !source.startsWith('.')) continue;
    const full = inside(source);
    // A mounted file is configuration; a mounted folder is where the code is.
    if (full !== null && !file.tree.has(full) && file.placeOf(full) === full) return full;
  }
  return null;
}

/** A recipe deep in a shared context (`apps/web/Dockerfile` built from `.`) speaks about its own folder. */
const nearerOf = (file: SourceFile, context: string, recipe: string): string =>
  file.placeOf(posix.dirname(recipe)) === posix.dirname(recipe) ? posix.dirname(recipe) : context;

function readApp(
  file: SourceFile,
  doc: Read,
  { name, table, place: known }: Part,
  scale: number,
  parts: Part[],
): Hint[] {
  const place = known!;
  const at = (...way: (string | number)[]) => doc.line('services', name, ...way);
  const hints: Hint[] = [];
  const isAwaited = ({ table: { depends_on: after } }: Part): boolean =>
    asTable(asTable(asTable(after))[name]).condition === 'service_completed_successfully';
  const once = parts.some(isAwaited);
  const profiles = asTexts(table.profiles);
  const beside = parts.filter((part) => part.place === place && part.name !== name);
  // Of several on one folder, who names no port is none that answers where another does.
  const isMute = !answers(table) && beside.some((part) => answers(part.table));
  const isWorker = once || isMute || /worker|queue|celery|sidekiq|cron|scheduler|consumer|beat/i.test(name);
  // What is not up in any case says less of the folder that it shares.
  if (profiles.length > 0 && beside.some((part) => asTexts(part.table.profiles).length === 0)) scale *= 0.9;

  const variables = environmentOf(table);
  const contained = buildOf(file, table) === null ? null : containerOf(file, name, table, parts);
  const member = {
    name,
    ...neighbours(name, table, parts),
    worker: isWorker,
    ...(contained === null ? {} : { container: contained }),
    ...restartOf(table),
    ...(profiles.length > 0 ? { profiles } : {}),
    ...(once ? { once } : {}),
    ...mountsOf(file, table, place),
    ...readyOf(table, `${file.path}:${at('healthcheck', 'test') ?? 1}`),
    ...(beside.length > 0 ? { env: fixedOf(variables, parts) } : {}),
  };
  hints.push(sayMember(file, doc.line('services', name), 0.7 * scale, member, place));

  const command = commandOf(table);
  if (command !== null) {
    const line = at(table.command === undefined ? 'entrypoint' : 'command');
    const said = sayCommand(file, line, 0.75 * scale, isWorker ? 'worker' : 'start', command, place);
    hints.push(beside.length > 0 ? ({ ...said, process: name } as Hint) : said);
    const port = portIn(command);
    if (port !== null && !isWorker) hints.push(sayPort(file, line, 0.7 * scale, port, place));
  }
  const runtime = runtimeOf(fill(asText(table.image) ?? ''));
  if (runtime !== null) hints.push(sayVersion(file, at('image'), 0.5 * scale, runtime.tool, runtime.want, place));

  for (const key of ['ports', 'expose'] as const)
    for (const [index, raw] of asList(table[key]).entries()) {
      const number = targetOf(raw);
      if (number !== null) hints.push(sayPort(file, at(key, index), 0.65 * scale, number, place));
    }
  const test = asTable(table.healthcheck).test;
  for (const { port, route } of findLocalUrls(fill(asText(test) ?? asTexts(test).join(' ')))) {
    hints.push(sayHealth(file, at('healthcheck', 'test'), 0.8 * scale, route ?? '/', place));
    if (port !== null) hints.push(sayPort(file, at('healthcheck', 'test'), 0.6 * scale, port, place));
  }
  for (const variable of variables) {
    const value = variable.value;
    // Another service's name is a host only inside the compose network.
    const elsewhere = value !== null && parts.some((part) => namesHost(value, part.name));
    const open = value === null || elsewhere || isUnset(value) || value === '';
    const line = at('environment', variable.key);
    hints.push(
      sayEnv(
        file,
        line,
        0.7 * scale,
        { name: variable.name, required: open && value !== '', default: open ? null : fill(value) },
        place,
      ),
    );
    if (variable.name === 'PORT' && !open) hints.push(sayPort(file, line, 0.7 * scale, Number(fill(value)), place));
  }
  const files = typeof table.env_file === 'string' ? [table.env_file] : asList(table.env_file);
  for (const raw of files) {
    const given = asText(raw) ?? asText(asTable(raw).path);
    if (given === null) continue;
    const path = posix.normalize(posix.join(posix.dirname(file.path), fill(given)));
    const text = file.tree.read(path);
    if (text !== null) hints.push(...readEnvFile({ ...file, path, text, place }, 0.65 * scale));
    else file.note(at('env_file'), `asks for the file ${path}, which is not in the repository`);
  }
  return hints;
}

/** What an application sees of the repository or keeps at a place of its image; its own folder is where it runs anyway. */
function mountsOf(file: SourceFile, table: Table, place: string): Pick<Member, 'mounts'> {
  const here = posix.dirname(file.path);
  const mounts = asList(table.volumes).flatMap((raw): NonNullable<Member['mounts']> => {
    const [source, target] =
      typeof raw === 'string' ? fill(raw).split(':') : [asText(asTable(raw).source), asText(asTable(raw).target)];
    if (!source || !target || !posix.isAbsolute(target)) return [];
    const at = posix.normalize(target).replace(/\/$/, '');
    if (/^[\w][\w.-]*$/.test(source)) return /node_modules|\.venv/.test(at) ? [] : [{ at, from: null, volume: source }];
    const from = posix.normalize(posix.join(here, source)).replace(/\/$/, '');
    const isOwn = from === '.' || from === place || place.startsWith(`${from}/`);
    return posix.isAbsolute(source) || from.startsWith('..') || isOwn ? [] : [{ at, from, volume: null }];
  });
  return mounts.length > 0 ? { mounts } : {};
}

/** A health check that is a command; one that asks a URL is asked by ourselves, where it is not asked within a container. */
function readyOf({ healthcheck }: Table, from: string, within = false): Pick<Member, 'ready'> {
  const check = asTable(healthcheck);
  const words = asTexts(check.test);
  const [how, ...rest] = words;
  const command = fill(
    typeof check.test === 'string'
      ? check.test
      : how === 'CMD-SHELL'
        ? rest.join(' ')
        : how === 'CMD'
          ? joinArgv(rest)
          : '',
  ).trim();
  if (command === '' || check.disable === true || (!within && /https?:\/\//.test(command))) return {};
  const grace = msOf(check.start_period) ?? 0;
  const every = Math.max(MIN_EVERY_MS, msOf(check.interval) ?? 30_000);
  return {
    ready: {
      command,
      everyMs: every,
      timeoutMs: msOf(check.timeout) || 30_000,
      tries: Math.max(1, Number.parseInt(String(check.retries ?? 3), 10) || 3),
      graceMs: grace,
      graceEveryMs: Math.min(every, Math.max(MIN_EVERY_MS, msOf(check.start_interval) ?? 5_000)),
      from,
    },
  };
}
const MIN_EVERY_MS = 100;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001 };
/** `1m30s`, `500ms`. */
function msOf(raw: unknown): number | null {
  const text = typeof raw === 'string' ? fill(raw).trim() : '';
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return null;
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0));
}

const answers = ({ ports, expose, healthcheck }: Table): boolean => {
  const test = asTable(healthcheck).test;
  return [ports, expose].some((list) => asList(list).length > 0) || /https?:\/\//.test(asTexts(test).join(' '));
};

/** Those whose value is known, and leads to no other service. */
const fixedOf = (variables: readonly { name: string; value: string | null }[], parts: readonly Part[]) =>
  variables.flatMap(({ name, value }) => {
    if (value === null || isUnset(value) || parts.some((part) => namesHost(value, part.name))) return [];
    return [{ name, secret: isSecret(name, value), default: fill(value) }];
  });

/** `unless-stopped` is no other than `always` where nothing outlives the run. */
function restartOf(table: Table): { restart?: 'no' | 'on-failure' | 'always' } {
  const said = asText(table.restart) ?? asText(asTable(asTable(table.deploy).restart_policy).condition);
  if (said === null) return {};
  if (said === 'always' || said === 'unless-stopped' || said === 'any') return { restart: 'always' };
  return { restart: said.startsWith('on-failure') ? 'on-failure' : 'no' };
}

function commandOf(table: Table): string | null {
  const words = (raw: unknown): string | null => {
    if (typeof raw === 'string') {
      const shell = /^(?:\/bin\/)?(?:ba|a)?sh -[a-z]*c\s+(["'])([\s\S]*)\1\s*$/.exec(raw.trim());
      return fill(shell?.[2] ?? raw).trim() || null;
    }
    return Array.isArray(raw) ? joinArgv(raw.map((word) => fill(String(word)))) || null : null;
  };
  const entry = words(table.entrypoint);
  const command = words(table.command);
  if (entry === null) return command;
  return command === null ? entry : `${entry} ${command}`;
}

/** The port the application listens on: the container's side of a mapping. UDP is nobody's web service. */
function targetOf(raw: unknown): number | null {
  if (typeof raw === 'number') return raw;
  if (typeof raw === 'string') {
    const hit = /(?:^|:)(\d{1,5})(?:-\d+)?(?:\/tcp)?$/.exec(fill(raw).trim());
    return hit === null ? null : Number(hit[1]);
  }
  const { target, protocol } = asTable(raw);
  return protocol === 'udp' || !(typeof target === 'number' || typeof target === 'string')
    ? null
    : Number(fill(String(target)));
}

/** `value: null` means: handed through from the caller's environment. */
function environmentOf(table: Table): { name: string; value: string | null; key: string | number }[] {
  if (Array.isArray(table.environment))
    return table.environment.flatMap((raw, key) => {
      const hit = typeof raw === 'string' ? /^([^=\s]+)(?:=([\s\S]*))?$/.exec(raw) : null;
      return hit === null ? [] : [{ name: hit[1]!, value: hit[2] ?? null, key }];
    });
  return Object.entries(asTable(table.environment)).map(([name, raw]) => ({
    name,
    value: raw === null || typeof raw === 'object' ? null : String(raw),
    key: name,
  }));
}

const namesHost = (value: string, host: string): boolean =>
  value === host ||
  value.includes(`//${host}:`) ||
  value.includes(`//${host}/`) ||
  value.includes(`@${host}:`) ||
  value.includes(`@${host}/`) ||
  value.startsWith(`${host}:`) ||
  value.endsWith(`//${host}`);

function readNeeds(file: SourceFile, doc: Read, parts: Part[], scale: number): Hint[] {
  const apps = parts.filter((part) => part.place !== null);
  return parts.flatMap(({ name, server }) => {
    if (server === null) return [];
    const line = doc.line('services', name);
    const asking = apps.filter(({ table }) => {
      const after = Array.isArray(table.depends_on)
        ? asTexts(table.depends_on)
        : Object.keys(asTable(table.depends_on));
      const linked = asTexts(table.links).map((link) => link.split(':')[0]);
      return (
        [...after, ...linked].includes(name) ||
        environmentOf(table).some(({ value }) => value !== null && namesHost(value, name))
      );
    });
    // One that is up only where its profile is asked for is needed by whoever names it.
    if (asking.length === 0 && asTexts(asTable(parts.find((part) => part.name === name)!.table).profiles).length > 0)
      return [];
    if (asking.length > 0) return asking.map(({ place }) => sayNeed(file, line, 0.85 * scale, server, place!));
    // Nobody says who uses it: it stands there for development, so everything here may.
    if (apps.length > 0) return apps.map(({ place }) => sayNeed(file, line, 0.5 * scale, server, place!));
    return [sayNeed(file, line, 0.7 * scale, server)];
  });
}
