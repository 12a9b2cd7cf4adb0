/** COBOL: one program that GnuCOBOL compiles, with the subprograms and copy books beside it. */
import type { Detector } from '../place.js';
import { type About, makeProgram } from './serving.js';
import { evidenceAt, type Found, findAll, type Source, word } from './source.js';

const FILES = /\.(?:cbl|cob|cobol)$/i;
const MOST_FILES = 100;

export const detectCobol: Detector = (place) => {
  const files = place
    .files()
    .filter((file) => FILES.test(file) && !/(?:^|\/)(?:tests?|examples?|copy(?:books?)?)\//i.test(file));
  if (files.length === 0 || !files.some((file) => file.split('/').length <= 2)) return null;
  const sources = files.slice(0, MOST_FILES).flatMap((file): Source[] => {
    const text = place.read(file, 300_000);
    return text === null ? [] : [{ file, text, code: withoutComments(text) }];
  });
  const programs = sources.flatMap((source) => {
    const [found] = findAll(source, /\bPROGRAM-ID\s*\.\s*"?([\w-]+)/gi);
    return found === undefined
      ? []
      : [{ source, found, name: found.match[1]!, isCalled: /\bPROCEDURE\s+DIVISION\s+USING\b/i.test(source.code) }];
  });
  const starts = programs.filter(({ isCalled }) => !isCalled);
  const main =
    starts.find(({ name, source }) => /main|start/i.test(name) || /main|start/i.test(source.file)) ?? starts[0];
  if (main === undefined) return null;
  const others = programs.filter((each) => each !== main && each.isCalled).map(({ source }) => source.file);
  // In fixed form code begins in column 8; a file that begins before it was written in free form.
  const free =
    sources.some(({ text }) => /^\s{0,6}(?:IDENTIFICATION|ID|PROGRAM-ID)\b/im.test(text)) &&
    !sources.some(({ text }) => />>\s*SOURCE\s+(?:FORMAT\s+)?(?:IS\s+)?FREE/i.test(text));
  const books = [
    ...new Set(
      place
        .files()
        .filter((file) => /\.cpy$/i.test(file))
        .map((file) => (file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '.')),
    ),
  ].slice(0, 5);
  const out = word(`bin/${main.name.toLowerCase()}`);
  const about: About = {
    name: main.name.toLowerCase(),
    language: 'cobol',
    packageManager: null,
    versions: {},
    writes: ['bin'],
    evidence: [evidenceAt(place, `the program ${main.name}`, main.found)],
  };
  const [accepts] = findAll(main.source, /^\s*ACCEPT\s+[\w-]+\s*(?:\.|$)/gim);
  if (accepts !== undefined) about.evidence.push(evidenceAt(place, 'reads what somebody types', accepts));
  const args: Found | null =
    findAll(main.source, /\bACCEPT\s+[\w-]+\s+FROM\s+(?:COMMAND-LINE|ARGUMENT-VALUE)\b/gi)[0] ?? null;
  return makeProgram(
    place,
    about,
    {
      install: [],
      build: [
        `mkdir -p bin && cobc -x${free ? ' -free' : ''}${books.map((folder) => ` -I ${word(folder)}`).join('')} -o ${out} ${[main.source.file, ...others].map(word).join(' ')}`,
      ],
      start: `./${out}`,
    },
    { args, endless: null },
  );
};

/** `*` or `/` in column 7, or `*>` anywhere, begins a comment; the length of each line stays. */
const withoutComments = (text: string): string =>
  text
    .replace(/^.{6}[*/].*$/gm, (line) => ' '.repeat(line.length))
    .replace(/\*>.*$/gm, (rest) => ' '.repeat(rest.length));
