/**
 * Reads what the files of a repository say beside its manifests: how it is started, which port, which variables, which
 * servers, which versions. Nothing is weighed here and nothing is run; each hint cites its `file:line`.
 *
 * Bounded: each source reads at most 100 files, and the scan of source code 400 files or 4 MB, shallow ones first. What
 * lies in somebody's tests, examples or copies of other people's code says nothing about the service above it.
 */
import { posix } from 'node:path';
import type { Tree } from '../../../providers/tree.js';
import type { Hint } from '../contract.js';
import { appJson } from './app-json.js';
import { nodeClients, otherClients } from './clients.js';
import { compose } from './compose.js';
import { djangoDatabase, drizzle, prisma, railsDatabase, spring } from './database-config.js';
import { devcontainer } from './devcontainer.js';
import { dockerfile } from './dockerfile.js';
import { envExample } from './env-example.js';
import { readEnvInCode, sourceFile } from './env-in-code.js';
import { fly } from './fly.js';
import { procfile } from './procfile.js';
import { railway } from './railway.js';
import { readme } from './readme.js';
import { recipe } from './recipe.js';
import { render } from './render.js';
import { isSound, type Source, type SourceFile } from './source.js';
import { netlify, vercel } from './static-hosts.js';
import { justfile, makefile, taskfile } from './tasks.js';
import {
  globalJson,
  goMod,
  mise,
  packageVersions,
  pinFiles,
  runtimeTxt,
  rustToolchain,
  systemProperties,
  toolVersions,
} from './version-files.js';

/** Compose and fly first: they may say whose Dockerfile another one is. */
const sources: readonly Source[] = [
  compose,
  fly,
  procfile,
  dockerfile,
  devcontainer,
  makefile,
  justfile,
  taskfile,
  appJson,
  render,
  railway,
  vercel,
  netlify,
  recipe,
  pinFiles,
  runtimeTxt,
  toolVersions,
  mise,
  rustToolchain,
  goMod,
  globalJson,
  systemProperties,
  packageVersions,
  envExample,
  prisma,
  railsDatabase,
  drizzle,
  djangoDatabase,
  spring,
  nodeClients,
  otherClients,
  readme,
];

const filesOfSource = 100;
const scannedFiles = 400;
const scannedBytes = 4_000_000;
const somebodyElses =
  /(?:^|\/)(?:tests?|__tests__|__mocks__|specs?|fixtures?|testdata|e2e|cypress|examples?|samples?|demos?|vendor|third[-_]party|node_modules)\//i;
/** Written by a build, or text about the program; a recipe may lie there (`build/Dockerfile`), the program does not. */
const produced = /(?:^|\/)(?:dist|build|out|target|coverage|templates?|docs?)\//i;
const notSource =
  /(?:\.(?:test|spec|stories|d|min)\.[cm]?[jt]sx?|_test\.(?:go|py|exs)|(?:^|\/)test_\w+\.py|_spec\.rb)$/;

/**
 * @param places folders of services, POSIX from the root, `.` for the root.
 * @returns every hint once, in the order of the sources; notes cite `file:line` of what did not parse.
 */
export function readHints(tree: Tree, places: string[]): { hints: Hint[]; notes: string[] } {
  const known = new Set(places.map((place) => posix.normalize(place).replace(/\/$/, '')));
  const owners = new Map<string, string>();
  const notes: string[] = [];
  const hints = new Map<string, Hint>();

  const placeOf = (path: string): string => {
    for (let folder = path; folder !== '.' && folder !== '' && folder !== '/'; folder = posix.dirname(folder))
      if (known.has(folder)) return folder;
    return '.';
  };
  const keep = (hint: Hint): void => {
    if (isSound(hint)) hints.set(JSON.stringify(hint), hint);
  };
  const open = (path: string, place: string, text: string): SourceFile => ({
    path,
    text,
    place,
    tree,
    placeOf,
    claim: (recipe, owner) => void owners.set(recipe, owner),
    note(line, sentence) {
      const from = line === null ? path : `${path}:${line}`;
      notes.push(`${from} ${sentence}`);
    },
  });

  const candidates = sources.map((): string[] => []);
  const code: string[] = [];
  const near = new Map<string, string>();
  for (const path of tree.files) {
    const folder = posix.dirname(path);
    let place = near.get(folder);
    if (place === undefined) {
      place = placeOf(folder);
      near.set(folder, place);
    }
    const below = place === '.' ? path : path.slice(place.length + 1);
    if (somebodyElses.test(below)) continue;
    const isOurs = !produced.test(below);
    const base = path.slice(path.lastIndexOf('/') + 1);
    if (sourceFile.test(base) && isOurs && !notSource.test(path)) code.push(path);
    const depth = below.split('/').length - 1;
    for (const [index, { names, depth: limit }] of sources.entries())
      if (depth <= limit && (isOurs || sources[index] === dockerfile || sources[index] === compose) && names.test(base))
        candidates[index]!.push(path);
  }

  for (const [index, source] of sources.entries()) {
    const paths = byDepth(candidates[index]!);
    for (const path of paths.slice(0, filesOfSource)) {
      const text = tree.read(path);
      if (text !== null)
        for (const hint of source.read(open(path, owners.get(path) ?? placeOf(posix.dirname(path)), text))) keep(hint);
    }
    if (paths.length > filesOfSource)
      notes.push(
        `${paths.length} files are called like ${posix.basename(paths[0]!)}; only the ${filesOfSource} nearest to the root were read`,
      );
  }

  const ways = new Set<string>();
  let bytes = 0;
  let read = 0;
  const scanned = byDepth(code);
  for (const path of scanned) {
    if (read >= scannedFiles || bytes >= scannedBytes) break;
    read++;
    const text = tree.read(path, 500_000);
    if (text === null) continue;
    bytes += text.length;
    if (!/env|decouple/i.test(text)) continue;
    for (const hint of readEnvInCode(open(path, placeOf(posix.dirname(path)), text))) {
      // A program may ask a hundred times in the same way; the first file that does is evidence enough.
      const way = JSON.stringify({ ...hint, from: null });
      if (!ways.has(way)) keep(hint);
      ways.add(way);
    }
  }
  if (read < scanned.length)
    notes.push(
      `environment variables were looked for in ${read} of ${scanned.length} source files, those nearest to the root first`,
    );

  return { hints: [...hints.values()], notes: [...new Set(notes)] };
}

/** Shallow first, by name within a depth. */
const byDepth = (paths: readonly string[]): string[] => {
  const depth = new Map(paths.map((path) => [path, path.split('/').length]));
  return [...paths].sort((a, b) => depth.get(a)! - depth.get(b)! || (a < b ? -1 : 1));
};
