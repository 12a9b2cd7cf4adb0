/**
 * The secrets that a run makes up for an application: random, and the same each time they are asked for.
 *
 * They are derived (HKDF-SHA256) from one seed a run and the variable's name. So a repeat after a crash gives the same
 * values without reading any, two services of a repository that share a name share the value, and two runs share none.
 * The seed is made once: whoever links it first wins, and everybody reads the winner's.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const SEED_BYTES = 32;

export const seedOf = (bundle: string): string => join(bundle, 'inputs', 'secret.seed');

/** What the user gave with the job: it waits in the run's folder, since values never cross the bus. */
export async function readGiven(bundle: string): Promise<Record<string, string>> {
  const text = await readFile(join(bundle, 'inputs', 'given.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  return JSON.parse(text) as Record<string, string>;
}

/** @param path see `seedOf`; made with mode 0600. */
export async function readSeed(path: string): Promise<Buffer> {
  const known = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null; // the first time
  });
  if (known?.length === SEED_BYTES) return known;
  if (known !== null) throw new Error(`the seed ${path} has ${known.length} bytes, wanted ${SEED_BYTES}`);
  await mkdir(dirname(path), { recursive: true });
  const own = `${path}.${randomBytes(4).toString('hex')}`;
  const file = await open(own, 'wx', 0o600);
  try {
    await file.writeFile(randomBytes(SEED_BYTES));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // else: somebody was first
  } finally {
    await rm(own, { force: true });
  }
  return readFile(path);
}

/** A value in the shape that readers of this name expect. */
export function makeSecret(seed: Buffer, name: string): string {
  const bytes = (length: number, use = ''): Buffer =>
    Buffer.from(hkdfSync('sha256', seed, '', `${name}${use}`, length));
  const upper = name.toUpperCase();
  // Laravel: AES-256 key. Strapi: a list of four. Rails and Phoenix: at least 64 characters.
  if (upper === 'APP_KEY') return `base64:${bytes(32).toString('base64')}`;
  if (/(^|_)(APP|COOKIE|SESSION)_KEYS$/.test(upper))
    return [0, 1, 2, 3].map((n) => bytes(16, `/${n}`).toString('base64')).join(',');
  if (/SECRET_KEY_BASE$/.test(upper)) return bytes(64).toString('hex');
  // Fernet: 32 bytes in URL-safe base64, with padding.
  if (/FERNET|FIELD_ENCRYPTION/.test(upper))
    return bytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  // Rails: 32 hex digits. Read as text, an AES-256 key is 32 characters.
  if (/^RAILS_MASTER_KEY$|(ENCRYPTION|ENCRYPT|CRYPTO|CIPHER)_KEY$/.test(upper)) return bytes(16).toString('hex');
  if (/(PASSWORD|PASS)$/.test(upper) && !/SESSION|COOKIE|IRON/.test(upper)) return bytes(18).toString('base64url');
  return bytes(32).toString('hex');
}

/**
 * Variables, or the lines of a text, with the secrets that `mark` stands for. Nothing is read where there is none.
 * @param mark e.g. `$generate`: a variable's whole value, or what follows the `=` of a line.
 */
export async function withSecrets(
  env: Readonly<Record<string, string>>,
  mark: string,
  bundle: string,
): Promise<Record<string, string>> {
  const asked = Object.keys(env).filter((name) => env[name] === mark);
  if (asked.length === 0) return { ...env };
  const seed = await readSeed(seedOf(bundle));
  return { ...env, ...Object.fromEntries(asked.map((name) => [name, makeSecret(seed, name)])) };
}
export async function textWithSecrets(text: string, mark: string, bundle: string): Promise<string> {
  const lines = text
    .split('\n')
    .map((line) => ({ line, name: /^\s*(?:export\s+)?([A-Za-z_]\w*)=(\S+)\s*$/.exec(line) }));
  if (!lines.some(({ name }) => name?.[2] === mark)) return text;
  const seed = await readSeed(seedOf(bundle));
  return lines
    .map(({ line, name }) => (name?.[2] === mark ? line.replace(mark, () => makeSecret(seed, name[1]!)) : line))
    .join('\n');
}
