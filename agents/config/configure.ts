/**
 * Fills an application's environment beside the repository, never in it.
 *
 * Order of sources: given by a person or a fix > the repository's own `.env` (the application loads that itself; what it
 * sets is not repeated) > the example's value > generated, for secrets of its own > evident. A third party's key is listed
 * as missing, never invented.
 *
 * Secrets: the values go to one file, mode 0600, replaced as a whole; the fact names only names.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { makeSecret, readSeed, seedOf } from '../../providers/secrets.js';
import { fail } from '../../runtime/errors.js';
import { GENERATE } from '../fixer/contract.js';
import type { Configure, Configured } from './contract.js';
import { readEnvFile } from './env-file.js';
import { evidentValue, isNotOurs, isOwnSecret, isPlaceholder, isThirdParty } from './names.js';

export interface ConfigureService extends Omit<Configure, 'type'> {
  bundle: string;
}
type Variable = Configure['env'][number];
type Choice =
  | { value: string; origin: 'given' | 'example' | 'generated' | 'default'; from: string }
  | { value: null; origin: 'repository'; from: string }
  | { value: null; origin: 'missing' | 'skipped'; from: string };

const ENV_FILE_BYTES = 1 << 20;

/** The file of a service's environment; names of services may hold slashes. */
export const envFileOf = (bundle: string, service: string): string =>
  join(bundle, 'inputs', `env.${encodeURIComponent(service)}.json`);

/** @throws STATE_UNWRITABLE. */
export async function configure({ service, root, path, env, given, bundle }: ConfigureService): Promise<Configured> {
  const own = await readOwn(root, path);
  const choices = new Map<string, Choice>();
  // The package whose code reads a variable often gives it its name: `shop/__init__.py` asks for SHOP_SECRET_KEY.
  for (const variable of env)
    choices.set(variable.name, choose(variable, given, own, [service, ...variable.from.split('/').slice(0, -1)]));
  for (const [name, value] of Object.entries(given)) if (!choices.has(name)) choices.set(name, asGiven(value));
  const envFile = envFileOf(bundle, service);
  try {
    const values = await valuesOf(choices, env, own, seedOf(bundle));
    await writeWhole(envFile, `${JSON.stringify(values, null, 2)}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw fail('STATE_UNWRITABLE', { path: join(bundle, 'inputs'), reason: message }, error);
  }
  const required = new Map(env.map((variable) => [variable.name, variable.required]));
  const set: Configured['set'] = [];
  const missing: Configured['missing'] = [];
  for (const [name, { origin, from }] of choices) {
    if (origin === 'missing') missing.push({ name, from, required: required.get(name) ?? false });
    else if (origin !== 'skipped') set.push({ name, origin, from });
  }
  return { type: 'config.configured', envFile, set, missing };
}

const asGiven = (value: string): Choice =>
  value === GENERATE
    ? { value: '', origin: 'generated', from: 'a fix of this run' }
    : { value, origin: 'given', from: 'given' };

function choose(
  { name, required, secret, default: example, from }: Variable,
  given: Readonly<Record<string, string>>,
  own: ReadonlyMap<string, { value: string; from: string }>,
  words: readonly string[],
): Choice {
  if (Object.hasOwn(given, name)) return asGiven(given[name]!);
  const there = own.get(name);
  if (there !== undefined && there.value !== '') return { value: null, origin: 'repository', from: there.from };
  if (isNotOurs(name)) return { value: null, origin: 'skipped', from };
  const ours = isOwnSecret(name, words);
  const keyed = ours || secret || isThirdParty(name);
  // A plain setting may well be called `none` or `test`; only what is to be kept secret is judged by its look.
  if (example !== null && !(keyed && isPlaceholder(example, ours))) return { value: example, origin: 'example', from };
  if (ours) return { value: '', origin: 'generated', from };
  const evident = keyed ? null : evidentValue(name, words[0]!);
  if (evident !== null && required) return { value: evident, origin: 'default', from };
  return { value: null, origin: required || keyed ? 'missing' : 'skipped', from };
}

async function valuesOf(
  choices: ReadonlyMap<string, Choice>,
  env: readonly Variable[],
  own: ReadonlyMap<string, { value: string }>,
  seedPath: string,
): Promise<Record<string, string>> {
  const literal = new Map<string, string>();
  const seed = [...choices.values()].some(({ origin }) => origin === 'generated') ? await readSeed(seedPath) : null;
  for (const [name, { value, origin }] of choices)
    if (value !== null) literal.set(name, origin === 'generated' ? makeSecret(seed!, name) : value);
  const examples = new Map(env.map((variable) => [variable.name, variable.default]));
  const look = (name: string): string | undefined =>
    literal.get(name) ?? own.get(name)?.value ?? examples.get(name) ?? undefined;
  const values: Record<string, string> = {};
  for (const [name, value] of literal)
    values[name] = choices.get(name)!.origin === 'example' ? expand(value, look, [name]) : value;
  return values;
}

/** `${NAME}` and `${NAME:-otherwise}`, as examples write them; a name that nobody sets, or that leads to itself, is empty. */
export function expand(
  text: string,
  look: (name: string) => string | undefined,
  within: readonly string[] = [],
): string {
  return text.replace(
    /(\\?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^{}]*))?\}/g,
    (whole, escaped: string, name: string, otherwise?: string) => {
      if (escaped !== '') return whole.slice(1);
      const value = within.includes(name) ? undefined : look(name);
      if (value === undefined || value === '') return otherwise ?? '';
      return expand(value, look, [...within, name]);
    },
  );
}

/** What the repository's own `.env` sets: the service's folder first, then the root. */
async function readOwn(root: string, path: string): Promise<Map<string, { value: string; from: string }>> {
  const found = new Map<string, { value: string; from: string }>();
  const folders = path === '.' || path === '' ? [''] : [path, ''];
  for (const folder of folders)
    for (const name of ['.env.local', '.env']) {
      const place = folder === '' ? name : `${folder}/${name}`;
      for (const { name: key, value, line } of readEnvFile(await readInside(root, place)))
        if (!found.has(key)) found.set(key, { value, from: `${place}:${line}` });
    }
  return found;
}

/** The text of a small regular file of the repository; empty when there is none, or it leads out of the repository. */
async function readInside(root: string, path: string): Promise<string> {
  try {
    const real = await realpath(join(root, path));
    if (!real.startsWith((await realpath(root)) + sep)) return '';
    const stat = await lstat(real);
    return stat.isFile() && stat.size <= ENV_FILE_BYTES ? await readFile(real, 'utf8') : '';
  } catch {
    return ''; // None, or not for us to read: then the application cannot read it either.
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const partial = `${path}.${randomBytes(4).toString('hex')}`;
  const file = await open(partial, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
