/**
 * `--isolation container`: setup and application run in containers of one image, chosen once a run.
 *
 * The network is the machine's, as in a usual sandbox: the application listens on the port that was leased for it and
 * finds the run's servers on loopback, and who listens is known by the mark in the environment of its processes. What is
 * written lies in the workspace and in a home of the run's own; nothing else of this machine is seen but the toolchains
 * of our cache, read-only and last on PATH.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { packageRoot } from '../../runtime/program.js';
import { containerName, runWords, userWithin } from './containers.js';
import type { Engine } from './find.js';

export type Isolation = 'none' | 'container';
export interface Contained {
  engine: Engine;
  image: string;
  /** PATH within, as the image has it. */
  path: string;
}
/** What of a plan an image is chosen by. */
interface Wanting {
  path: string;
  language: string;
  versions: Readonly<Record<string, { want: string }>>;
}

const DOCKERFILE = 'Dockerfile';
/** The repository's own Dockerfile: beside the service, else at the root. */
export function dockerfileOf(workspace: string, path: string): string | null {
  const at = [join(workspace, path), workspace].find((folder) => existsSync(join(folder, DOCKERFILE)));
  return at ?? null;
}
/** What such a file builds is called; the same text, the same name. */
export const builtName = (folder: string): string =>
  `localhost/rr-built:${createHash('sha256')
    .update(folder)
    .update(readFileSync(join(folder, DOCKERFILE)))
    .digest('hex')
    .slice(0, 16)}`;

const first = (want: string | undefined, parts: number): string | null =>
  /\d+(?:\.\d+)*/
    .exec(want ?? '')?.[0]
    .split('.')
    .slice(0, parts)
    .join('.') ?? null;
const BASES: readonly [language: RegExp, tool: string, image: string, parts: number, usual: string, tail: string][] = [
  [/node|javascript|typescript|static/i, 'node', 'library/node', 1, '22', '-bookworm'],
  [/python/i, 'python', 'library/python', 2, '3.13', '-bookworm'],
  [/ruby/i, 'ruby', 'library/ruby', 2, '3.4', '-bookworm'],
  [/php/i, 'php', 'library/php', 2, '8.4', '-cli-bookworm'],
  [/go/i, 'go', 'library/golang', 2, '1.24', '-bookworm'],
  [/rust/i, 'rust', 'library/rust', 2, '1', '-bookworm'],
  [/java|kotlin/i, 'java', 'library/eclipse-temurin', 1, '21', '-jdk'],
  [/deno/i, 'deno', 'denoland/deno', 1, '2', ''],
  [/bun/i, 'bun', 'oven/bun', 1, '1', ''],
];
/** The image of a language and version: pure. A range (`>=18 <23`) gives its first number. */
export function baseImage({ language, versions }: Pick<Wanting, 'language' | 'versions'>): string {
  const base = BASES.find(([fits]) => fits.test(language));
  if (base === undefined) return 'docker.io/library/debian:bookworm';
  const [, tool, image, parts, usual, tail] = base;
  return `docker.io/${image}:${first(versions[tool]?.want, parts) ?? usual}${tail}`;
}

/** The words before a command, and what its client is given; names only are among the words, values are not. */
export function containIn(
  { engine, image, path }: Contained,
  o: {
    run: string;
    state: string;
    bundle: string;
    cache: string;
    workspace: string;
    cwd: string;
    bins: readonly string[];
    alsoRead: readonly string[];
    hosts: Readonly<Record<string, string>>;
    env: Readonly<Record<string, string>>;
  },
): { words: string[]; env: Record<string, string> } {
  const home = join(o.bundle, 'sandbox', 'home');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const toolchains = join(o.cache, 'toolchains');
  const readable = [toolchains, join(o.bundle, 'bin'), join(packageRoot(), 'dist'), ...o.alsoRead].filter((one) =>
    existsSync(one),
  );
  const isSeen = (at: string): boolean =>
    [o.workspace, home, ...readable].some((folder) => at === folder || at.startsWith(`${folder}/`));
  const files: string[] = [];
  const inner: Record<string, string> = {};
  for (const [name, value] of Object.entries(o.env)) {
    if (name === 'PATH' || name === 'HOME' || name === 'TMPDIR') continue;
    // A folder of this machine is none in there; a single file (certificates) is shown.
    const places = value.split(delimiter).filter((part) => isAbsolute(part) && existsSync(part) && !isSeen(part));
    if (places.some((place) => !statSync(place).isFile())) continue;
    files.push(...places);
    inner[name] = value;
  }
  const bins = o.bins.filter(isSeen);
  // What its client reads too, and with another value; the others are passed by name alone.
  const own: Record<string, string> = { PATH: [path, ...bins].join(':'), HOME: home };
  const named = Object.keys(inner).filter((name) => engine.env[name] === undefined || engine.env[name] === inner[name]);
  for (const name of Object.keys(inner)) if (!named.includes(name)) own[name] = inner[name]!;
  const mount = (at: string, writable: boolean) => ({ from: at, to: at, writable });
  const words = runWords(engine, {
    name: containerName(o.run, randomBytes(6).toString('hex')),
    run: o.run,
    state: o.state,
    part: 'command',
    image,
    publish: [],
    network: 'host',
    mounts: [
      mount(o.workspace, true),
      mount(home, true),
      ...[...new Set([...readable, ...files])].map((at) => mount(at, false)),
    ],
    env: [...Object.entries(own).map(([name, value]) => `${name}=${value}`), ...named, 'RR_RUN', 'RR_STEP'],
    cwd: o.cwd,
    user: userWithin(),
    hosts: o.hosts,
    command: [],
  });
  return { words, env: { ...Object.fromEntries(named.map((name) => [name, inner[name]!])), ...engine.env } };
}
