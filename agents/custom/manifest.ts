/**
 * A manifest makes a kind of agent at run time: a folder with `agent.json` and the module it names.
 *
 * The module's default export is called with the input and `{ workspace }`; what it gives is the output. What is written
 * here is a claim: an agent is in use only after its own checks have passed within its own limits (confine.ts).
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { z } from 'zod';
import { fail } from '../../runtime/errors.js';

/** What an agent may do beside reading its own folder and thinking. */
export const tools = ['read-workspace', 'write-workspace', 'run-commands', 'network'] as const;
const MOST_FILES = 200;
const MOST_BYTES = 5 * 1024 * 1024;
export const MANIFEST = 'agent.json';

const Check = z.strictObject({
  name: z.string().min(1),
  input: z.unknown(),
  /** What the output must have at least; absent: any that fits its schema. */
  output: z.unknown().optional(),
  /** The agent must refuse this input. */
  fails: z.literal(true).optional(),
});
export const Manifest = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,40}$/),
  version: z.int().positive(),
  role: z.string().min(1).max(500),
  /** JSON Schemas. */
  input: z.record(z.string(), z.unknown()),
  output: z.record(z.string(), z.unknown()),
  tools: z.array(z.enum(tools)).default([]),
  limits: z.strictObject({
    wallMs: z.int().positive().max(600_000),
    memoryMb: z.int().min(32).max(4_096),
    outputBytes: z
      .int()
      .positive()
      .max(8 * 1024 * 1024),
  }),
  /** From the folder. */
  entry: z.string().min(1),
  checks: z.array(Check).min(1).max(50),
});
export type Manifest = z.infer<typeof Manifest>;

export interface Kind {
  manifest: Manifest;
  /** Absolute: our own copy of the folder, named by its content. */
  dir: string;
  sha: string;
}

export const invalid = (path: string, reason: string): Error => fail('MANIFEST_INVALID', { path, reason });

/** A JSON Schema as a check of values. @throws MANIFEST_INVALID */
export function schemaOf(path: string, what: string, schema: Record<string, unknown>): z.ZodType {
  try {
    return z.fromJSONSchema(schema as never);
  } catch (error) {
    throw invalid(path, `its ${what} is no JSON Schema: ${(error as Error).message}`);
  }
}

/** Reads the manifest of a folder. @throws MANIFEST_INVALID */
export function readManifest(source: string): Manifest {
  const path = join(source, MANIFEST);
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw invalid(path, (error as Error).message);
  }
  const parsed = Manifest.safeParse(raw);
  if (!parsed.success) throw invalid(path, z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' '));
  schemaOf(path, 'input', parsed.data.input);
  schemaOf(path, 'output', parsed.data.output);
  return parsed.data;
}

/**
 * Copies the folder of a manifest, so that what was checked is what will run.
 * @param source absolute path of the folder. @param into our own folder of kinds.
 * @throws MANIFEST_INVALID with what is wrong: no or malformed `agent.json`, an entry outside, links, too much.
 */
export function takeIn(source: string, into: string): Kind {
  const path = join(source, MANIFEST);
  const manifest = readManifest(source);
  const entry = relative(source, join(source, manifest.entry));
  if (entry.startsWith('..') || !existsSync(join(source, entry)))
    throw invalid(path, `its entry ${manifest.entry} is no file of its folder`);

  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.split(sep).includes('node_modules'))
    .sort();
  const hash = createHash('sha256');
  let bytes = 0;
  for (const name of files) {
    const stat = lstatSync(join(source, name));
    if (stat.isDirectory()) continue;
    if (!stat.isFile()) throw invalid(path, `${name} is a link or no plain file`);
    bytes += stat.size;
    if (files.length > MOST_FILES || bytes > MOST_BYTES)
      throw invalid(path, `its folder has more than ${MOST_FILES} files or ${MOST_BYTES} bytes`);
    hash.update(`${name}\0${stat.size}\0`).update(readFileSync(join(source, name)));
  }
  const sha = hash.digest('hex');
  const dir = join(into, manifest.name, sha.slice(0, 16));
  if (!existsSync(dir)) {
    const beside = `${dir}.${process.pid}.tmp`;
    rmSync(beside, { recursive: true, force: true });
    cpSync(source, beside, { recursive: true, filter: (from) => !from.split(sep).includes('node_modules') });
    renameSync(beside, dir);
  }
  return { manifest, dir, sha };
}
