/** meson.build, with those of its subdir() calls. */
import { posix } from 'node:path';
import type { Evidence, Service } from '../../contract.js';
import type { Place } from '../../place.js';
import { blank, HASH, word } from '../source.js';
import { type Build, isAside, outFolder, type Program } from './build.js';

const CALL =
  /\b(project|executable|library|static_library|shared_library|both_libraries|subdir|test|dependency)\s*\(\s*'([^']*)'([^)]*)/g;
const MOST_FILES = 60;
const MOST_CALLS = 3_000;

interface Call {
  name: string;
  first: string;
  rest: string;
  folder: string;
  line: number;
}

export function readMeson(place: Place): Build | null {
  const calls = readCalls(place, '.', { left: MOST_FILES });
  const project = calls.find(({ name }) => name === 'project');
  if (project === undefined) return null;
  const at = (claim: string, { folder, line }: Call): Evidence => ({
    claim,
    file: place.full(posix.join(folder, 'meson.build')),
    line,
  });
  const out = outFolder(place.folders);
  const programs = calls
    .filter(({ name }) => name === 'executable')
    .map((call): Program => {
      const sources = [...call.rest.matchAll(/'([^']+\.(?:c|cc|cpp|cxx))'/g)]
        .map(([, file]) => posix.join(call.folder, file!))
        .filter((file) => place.has(file));
      return {
        name: call.first,
        run: word(`./${posix.join(out, call.folder, call.first)}`),
        sources: sources.length === 0 ? null : sources,
        evidence: at(`builds the program ${call.first}`, call),
        aside: isAside(call.first) || isAside(call.folder),
      };
    });
  const least = /meson_version\s*:\s*'>=\s*([\d.]+)'/.exec(project.rest)?.[1];
  const versions: Service['versions'] =
    least === undefined ? {} : { meson: { want: `>=${least}`, from: place.from('meson.build', /meson_version/) } };
  return {
    manager: 'meson',
    name: project.first,
    build: (program) => [
      `meson setup ${out}`,
      `meson compile -C ${out}${program === null || programs.length < 2 ? '' : ` ${word(program.name)}`}`,
    ],
    programs,
    libraries: calls
      .filter(({ name }) => /librar/.test(name))
      .map((call) => at(`builds the library ${call.first}`, call)),
    test: calls.some(({ name }) => name === 'test') ? `meson test -C ${out}` : null,
    versions,
    writes: [out],
    evidence: [
      at(`the Meson project ${project.first}`, project),
      ...calls
        .filter(({ name, rest }) => name === 'dependency' && !/required\s*:\s*false/.test(rest))
        .slice(0, 8)
        .map((call) => at(`needs the library ${call.first}`, call)),
    ],
  };
}

function readCalls(place: Place, folder: string, bound: { left: number }): Call[] {
  const file = posix.join(folder, 'meson.build');
  const text = place.read(file, 300_000);
  if (text === null || bound.left-- <= 0) return [];
  const code = blank(text, HASH, 'comments');
  let line = 1;
  let seen = 0;
  return [...code.matchAll(CALL)].slice(0, MOST_CALLS).flatMap((match) => {
    for (; seen < match.index; seen++) if (code[seen] === '\n') line++;
    const call: Call = { name: match[1]!, first: match[2]!, rest: match[3]!, folder, line };
    const next = posix.join(folder, call.first);
    const down = call.name === 'subdir' && next !== folder && !next.startsWith('..');
    return [call, ...(down ? readCalls(place, next, bound) : [])];
  });
}
