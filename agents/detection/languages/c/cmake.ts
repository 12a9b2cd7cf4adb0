/** CMakeLists.txt, with those of the folders it adds: read as text, no condition is worked out. */
import { posix } from 'node:path';
import type { Evidence, Service } from '../../contract.js';
import type { Place } from '../../place.js';
import { blank, type Syntax, word } from '../source.js';
import { type Build, isAside, outFolder, type Program } from './build.js';

const CMAKE: Syntax = { line: ['#'], block: [], quotes: ['"'], raw: [], chars: false };
const COMMAND = /(?<![\w$])([A-Za-z_]\w*)[ \t]*\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g;
const MOST_FILES = 60;
const MOST_CALLS = 3_000;

interface Call {
  name: string;
  args: string[];
  /** The folder of the file, from the place. */
  folder: string;
  line: number;
  /** Inside `if(BUILD_TESTING)` or its like, or in such a folder. */
  aside: boolean;
}

export function readCmake(place: Place): Build | null {
  const variables = new Map<string, string>();
  const calls = readCalls(place, '.', variables, false, { left: MOST_FILES });
  const project = calls.find(({ name }) => name === 'project');
  // A folder that another one adds is built by that one.
  if (project === undefined) return null;
  const at = (claim: string, { folder, line }: Call): Evidence => ({
    claim,
    file: place.full(posix.join(folder, 'CMakeLists.txt')),
    line,
  });
  const out = outFolder(place.folders);
  const programs: Program[] = [];
  const libraries: Evidence[] = [];
  for (const call of calls) {
    const [target = '', ...rest] = call.args;
    if (target.includes('$') || rest.some((word) => /^(?:ALIAS|IMPORTED|INTERFACE|OBJECT)$/.test(word))) continue;
    if (call.name === 'add_library') libraries.push(at(`builds the library ${target}`, call));
    if (call.name !== 'add_executable') continue;
    const property = (key: string): string | undefined =>
      calls.flatMap(({ name, args }) =>
        name === 'set_target_properties' && args.includes(target) && args.includes(key)
          ? [args[args.indexOf(key) + 1]!]
          : [],
      )[0];
    const folder = binaryFolder(
      property('RUNTIME_OUTPUT_DIRECTORY') ?? variables.get('CMAKE_RUNTIME_OUTPUT_DIRECTORY'),
      call.folder,
      out,
    );
    const sources = [
      ...rest,
      ...calls.flatMap(({ name, args, folder: from }) =>
        name === 'target_sources' && args[0] === target && from === call.folder ? args.slice(1) : [],
      ),
    ].flatMap((text) => expand(place, call.folder, text));
    programs.push({
      name: target,
      run: word(`./${posix.join(folder, property('OUTPUT_NAME') ?? target)}`),
      sources: sources.length === 0 ? null : sources,
      evidence: at(`builds the program ${target}`, call),
      aside: call.aside || isAside(target) || rest.includes('EXCLUDE_FROM_ALL'),
    });
  }
  const minimum = calls.find(({ name, args }) => name === 'cmake_minimum_required' && args.includes('VERSION'));
  const least = /^\d+(?:\.\d+)*/.exec(minimum?.args[minimum.args.indexOf('VERSION') + 1] ?? '')?.[0];
  const versions: Service['versions'] =
    minimum === undefined || least === undefined
      ? {}
      : { cmake: { want: `>=${least}`, from: `${at('', minimum).file}:${minimum.line}` } };
  const needed = calls.filter(
    ({ name, args, aside }) => name === 'find_package' && args.includes('REQUIRED') && !aside,
  );
  const tested = calls.some(
    ({ name }) => name === 'add_test' || name === 'gtest_discover_tests' || name === 'catch_discover_tests',
  );
  return {
    manager: 'cmake',
    name: project.args[0] ?? null,
    build: (program) => [
      `cmake -S . -B ${out} -DCMAKE_BUILD_TYPE=Release`,
      `cmake --build ${out}${program === null || programs.length < 2 ? '' : ` --target ${word(program.name)}`}`,
    ],
    programs,
    libraries,
    test: tested ? `ctest --test-dir ${out} --output-on-failure` : null,
    versions,
    writes: [out],
    evidence: [
      at(`the CMake project ${project.args[0] ?? ''}`.trim(), project),
      ...needed.slice(0, 8).map((call) => at(`needs the library ${call.args[0]} on this machine`, call)),
    ],
  };
}

/** The calls of one file and of those it adds, in their order. Variables are kept as they are met. */
function readCalls(
  place: Place,
  folder: string,
  variables: Map<string, string>,
  aside: boolean,
  bound: { left: number },
): Call[] {
  const text = place.read(posix.join(folder, 'CMakeLists.txt'), 300_000);
  if (text === null || bound.left-- <= 0) return [];
  const calls: Call[] = [];
  const conditions: string[] = [];
  const code = blank(text, CMAKE, 'comments');
  let line = 1;
  let seen = 0;
  for (const match of code.matchAll(COMMAND)) {
    if (calls.length >= MOST_CALLS) break;
    for (; seen < match.index; seen++) if (code[seen] === '\n') line++;
    const name = match[1]!.toLowerCase();
    const resolve = (raw: string): string =>
      raw.replace(/\$\{(\w+)\}/g, (whole, key: string) =>
        /^(?:CMAKE_CURRENT_SOURCE_DIR|CMAKE_CURRENT_LIST_DIR)$/.test(key)
          ? '.'
          : /^(?:CMAKE|PROJECT)_SOURCE_DIR$/.test(key)
            ? posix.relative(folder, '.') || '.'
            : (variables.get(key) ?? whole),
      );
    const args = [...match[2]!.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s"]+)/g)].flatMap(([, quoted, bare]) =>
      resolve(quoted ?? bare!).split(';'),
    );
    if (name === 'if') conditions.push(args.join(' '));
    else if (name === 'endif') conditions.pop();
    else if (name === 'set' && args.length > 1) variables.set(args[0]!, args.slice(1).join(';'));
    else if (name === 'file' && /^GLOB/.test(args[0] ?? '') && args[1] !== undefined)
      variables.set(args[1], args.slice(2).join(';'));
    else if (name === 'project' && args[0] !== undefined) {
      variables.set('PROJECT_NAME', args[0]);
      if (!variables.has('CMAKE_PROJECT_NAME')) variables.set('CMAKE_PROJECT_NAME', args[0]);
    }
    const isTest =
      aside || conditions.some((condition) => /test|example|bench|fuzz|sample|demo|docs?\b/i.test(condition));
    calls.push({ name, args, folder, line, aside: isTest });
    const next = posix.join(folder, args[0] ?? '');
    // Only downwards: a folder beside or above is not this project's.
    if (name === 'add_subdirectory' && args[0] !== undefined && next !== folder && !next.startsWith('..'))
      calls.push(...readCalls(place, next, variables, isTest || isAside(args[0]), bound));
  }
  return calls;
}

/** Where a program comes to lie: beside what its folder is built into, unless a variable says otherwise. */
function binaryFolder(said: string | undefined, folder: string, out: string): string {
  if (said === undefined) return posix.join(out, folder);
  const path = said
    .replace(/\$\{(?:CMAKE|PROJECT)_BINARY_DIR\}/g, out)
    .replace(/\$\{CMAKE_CURRENT_BINARY_DIR\}/g, posix.join(out, folder));
  return path.includes('$') ? posix.join(out, folder) : posix.normalize(path);
}

/** A source as it is named from a folder, or all that a pattern such as `src/*.c` stands for. */
function expand(place: Place, folder: string, text: string): string[] {
  if (!/\.(?:c|cc|cpp|cxx|c\+\+)$/i.test(text) || text.includes('$')) return [];
  const path = posix.join(folder, text);
  if (!path.includes('*')) return place.has(path) ? [path] : [];
  const pattern = new RegExp(`^${path.replace(/[.+^()|[\]\\{}]/g, '\\$&').replace(/\*+/g, '.*')}$`);
  return place
    .files()
    .filter((file) => pattern.test(file))
    .slice(0, 200);
}
