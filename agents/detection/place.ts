/**
 * A place is a folder of the repository as a detector sees it: its files, their text, and the way to cite them.
 *
 * Everything is read through the bounded Tree, nothing is executed. A manifest that does not parse is a note with
 * `file:line`, said once however many detectors ask, and counts as absent afterwards.
 */
import { posix } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { LineCounter, parseDocument } from 'yaml';
import type { Tree } from '../../providers/tree.js';
import type { Evidence, Service } from './contract.js';
import { refuseYaml } from './hints/yaml-depth.js';
import { readJson } from './json-text.js';
import { asTable, type Table } from './values.js';

/** A string is looked for as it stands; a RegExp is tried on each line. */
export type Pattern = RegExp | string;
export interface Hit {
  /** POSIX path from the repository's root. */
  file: string;
  /** From 1. */
  line: number;
  match: RegExpExecArray;
}
export interface Place {
  readonly tree: Tree;
  /** POSIX path from the repository's root; `.` for the root. */
  readonly path: string;
  /** The files directly here, sorted. */
  readonly names: readonly string[];
  /** The folders directly here that hold a file, sorted. */
  readonly folders: readonly string[];
  /** Notes for the plan; detectors may push. */
  readonly notes: string[];
  /** Whether a file is there. `rel` is from the place; `../` works inside the repository. */
  has(rel: string): boolean;
  read(rel: string, limitBytes?: number): string | null;
  /** All files below, relative to the place, sorted. Can be ten thousand: look before you read. */
  files(): readonly string[];
  /** The path from the repository's root of a path from here. */
  full(rel: string): string;
  /** Another place of the same repository; `path` is from the root. */
  open(path: string): Place;
  /** `file:line` of the first line that matches (from the root); `file` when no line does or no pattern is given.
   * @param after look only from the first line that matches this, e.g. `'"scripts"'`. */
  from(rel: string, pattern?: Pattern, after?: Pattern): string;
  evidence(claim: string, rel: string, pattern?: Pattern, after?: Pattern): Evidence;
  /** The first lines that match in the given files (from the place), in their order; at most one hit a file.
   * @param pattern without the g flag. */
  search(pattern: RegExp, files: Iterable<string>, limit?: number): Hit[];
  /** Parsed, null when absent or malformed (then noted). A top level that is no table is malformed. */
  json(rel: string): Table | null;
  /** JSON with comments and trailing commas (tsconfig.json, deno.jsonc, devcontainer.json). */
  jsonc(rel: string): Table | null;
  toml(rel: string): Table | null;
  yaml(rel: string): Table | null;
}
/** Says what service a place is, or null when it is none of the detector's language. Never throws on any content. */
export type Detector = (place: Place) => Service | null;

type Parsed = { value: unknown; error: { line: number | null; reason: string } | null };

/** All places of one tree: they share the parsed manifests and the notes. */
export function openPlaces(tree: Tree): { place(path: string): Place; notes: string[] } {
  const notes: string[] = [];
  const parsed = new Map<string, Table | null>();
  const lines = new Map<string, readonly string[]>();
  const places = new Map<string, Place>();

  const linesOf = (file: string): readonly string[] => {
    let known = lines.get(file);
    if (known === undefined) {
      known = tree.read(file)?.split(/\r?\n/) ?? [];
      lines.set(file, known);
    }
    return known;
  };
  const parse = (file: string, how: string, parser: (text: string) => Parsed): Table | null => {
    const key = `${how} ${file}`;
    const known = parsed.get(key);
    if (known !== undefined) return known;
    const text = tree.read(file);
    let table: Table | null = null;
    if (text !== null) {
      const { value, error } = parser(text);
      const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
      if (error !== null) notes.push(`${cite(file, error.line)} does not parse as ${how}: ${error.reason}`);
      else if (isTable) table = asTable(value);
      // An empty YAML or TOML file is an empty table; a list or a bare word is not what the format asks for.
      else if (value === null && text.trim() === '' && how !== 'JSON') table = {};
      else notes.push(`${cite(file, 1)} does not parse as ${how}: wanted a table of keys at the top`);
    }
    parsed.set(key, table);
    return table;
  };
  const make = (path: string): Place => {
    const full = (rel: string): string => posix.normalize(path === '.' ? rel : `${path}/${rel}`).replace(/\/$/, '');
    const lineOf = (file: string, pattern: Pattern, after?: Pattern): number | null => {
      const all = linesOf(file);
      const begin = after === undefined ? 0 : Math.max(0, all.findIndex(matcher(after)));
      const index = all.slice(begin).findIndex(matcher(pattern));
      return index < 0 ? null : begin + index + 1;
    };
    let below: readonly string[] | null = null;
    const files = (): readonly string[] => (below ??= listBelow(tree.files, path));
    let direct: { names: string[]; folders: string[] } | null = null;
    const listDirect = () => (direct ??= splitDirect(files()));
    return {
      tree,
      path,
      notes,
      get names() {
        return listDirect().names;
      },
      get folders() {
        return listDirect().folders;
      },
      has: (rel) => tree.has(full(rel)),
      read: (rel, limitBytes) => tree.read(full(rel), limitBytes),
      files,
      full,
      open: (other) => place(other),
      from: (rel, pattern, after) => cite(full(rel), pattern === undefined ? null : lineOf(full(rel), pattern, after)),
      evidence: (claim, rel, pattern, after) => ({
        claim,
        file: full(rel),
        line: pattern === undefined ? null : lineOf(full(rel), pattern, after),
      }),
      search(pattern, among, limit = 1) {
        const hits: Hit[] = [];
        for (const rel of among) {
          const file = full(rel);
          // One look at the whole text first: most files hold nothing, and splitting costs more than looking.
          const text = tree.read(file);
          if (text === null || !new RegExp(pattern.source, withFlag(pattern.flags, 'm')).test(text)) continue;
          for (const [index, line] of linesOf(file).entries()) {
            const match = pattern.exec(line);
            if (match === null) continue;
            hits.push({ file, line: index + 1, match });
            break;
          }
          if (hits.length >= limit) break;
        }
        return hits;
      },
      json: (rel) => parse(full(rel), 'JSON', (text) => readJson(text)),
      jsonc: (rel) => parse(full(rel), 'JSON with comments', (text) => readJson(text, { comments: true })),
      toml: (rel) => parse(full(rel), 'TOML', readToml),
      yaml: (rel) => parse(full(rel), 'YAML', readYaml),
    };
  };
  const place = (path: string): Place => {
    let known = places.get(path);
    if (known === undefined) {
      known = make(path);
      places.set(path, known);
    }
    return known;
  };
  return { place, notes };
}

export const openPlace = (tree: Tree, path = '.'): Place => openPlaces(tree).place(path);

export const cite = (file: string, line: number | null): string => (line === null ? file : `${file}:${line}`);

/**
 * A service with what nobody said filled in: nothing to install, build or start, no port, no need. The name is the
 * folder's (the repository's folder for the root).
 * @param said what the detector found; `confidence` and `evidence` have no default: a claim needs both.
 */
export function makeService(
  place: Place,
  said: Partial<Service> & Pick<Service, 'kind' | 'language' | 'confidence' | 'evidence'>,
): Service {
  return {
    name: posix.basename(place.path === '.' ? place.tree.root.replaceAll('\\', '/') : place.path) || 'root',
    path: place.path,
    framework: null,
    packageManager: null,
    versions: {},
    commands: { install: [], build: [], start: null },
    ports: [],
    env: [],
    needs: [],
    proof: { how: 'http', command: null, paths: [] },
    writes: [],
    ...said,
  };
}

const matcher =
  (pattern: Pattern): ((line: string) => boolean) =>
  (line) =>
    typeof pattern === 'string' ? line.includes(pattern) : line.search(pattern) >= 0;
const withFlag = (flags: string, flag: string): string => (flags.includes(flag) ? flags : flags + flag);

/** Files are sorted by code unit, so those below one folder stand together: two binary searches find them. */
function listBelow(files: readonly string[], path: string): readonly string[] {
  if (path === '.') return files;
  const prefix = `${path}/`;
  const lowest = (wanted: string): number => {
    let low = 0;
    let high = files.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (files[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  // '0' is the code unit after '/'.
  return files.slice(lowest(prefix), lowest(`${path}0`)).map((file) => file.slice(prefix.length));
}

function splitDirect(files: readonly string[]): { names: string[]; folders: string[] } {
  const names: string[] = [];
  const folders = new Set<string>();
  for (const file of files) {
    const slash = file.indexOf('/');
    if (slash < 0) names.push(file);
    else folders.add(file.slice(0, slash));
  }
  return { names, folders: [...folders] };
}

function readToml(text: string): Parsed {
  try {
    return { value: parseToml(text), error: null };
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split('\n')[0]!;
    return { value: null, error: { line: error instanceof TomlError ? error.line : null, reason } };
  }
}

function readYaml(text: string): Parsed {
  const refused = refuseYaml(text);
  if (refused !== null) return { value: null, error: { line: null, reason: refused } };
  try {
    const lineCounter = new LineCounter();
    // A pretty error copies its line, and there may be one error a character.
    const document = parseDocument(text, { logLevel: 'silent', prettyErrors: false, lineCounter });
    const [first] = document.errors;
    if (first !== undefined) {
      const line = lineCounter.linePos(first.pos[0]).line || null;
      return { value: null, error: { line, reason: first.message.split('\n')[0]! } };
    }
    // An alias bomb throws here: the parser allows 100 aliases to expand.
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, error: null };
  } catch (error) {
    return { value: null, error: { line: null, reason: error instanceof Error ? error.message : String(error) } };
  }
}
