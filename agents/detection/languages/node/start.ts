/**
 * How a Node program without a framework's command line is started: package scripts first, production before
 * development, then `main` if it is there, then the usual entry files, then TypeScript entries.
 */
import type { Evidence } from '../../contract.js';
import type { Place } from '../../place.js';
import { asText, at } from '../../values.js';
import { type CodeFacts, readCode } from './code.js';
import type { Manager } from './manager.js';
import { findFile, isOutput, type Script, type Scripts } from './scripts.js';

export interface Start {
  command: string;
  /** The file it comes down to, from the place; null: a program of a dependency. */
  entry: string | null;
  script: Script | null;
  confidence: number;
  evidence: Evidence[];
  /** Commands that must run before, in order. */
  build: string[];
  /** The Node version that the entry itself asks for. */
  node: string | null;
}
export interface Known {
  place: Place;
  /** All dependencies, the development ones too. */
  deps: ReadonlySet<string>;
  scripts: Scripts;
  manager: Manager;
  /** The name of the server library among the production dependencies. */
  server: string | null;
}

const PRODUCTION = ['start:prod', 'start:production', 'production', 'prod', 'serve:prod', 'start'];
const WEAKER = ['serve', 'server', 'start:server', 'start:dev', 'preview', 'dev', 'develop', 'dev:server', 'watch'];
const STEMS = [
  'server',
  'app',
  'index',
  'main',
  'src/server',
  'src/app',
  'src/index',
  'src/main',
  'server/index',
  'server/server',
  'server/app',
  'bin/www',
  'bin/server',
  'api/index',
  'backend/index',
  'backend/server',
  'lib/server',
];

/** @returns null when nothing here starts anything (a library, or tools only). */
export function chooseStart(known: Known): Start | null {
  const { scripts } = known;
  for (const name of PRODUCTION) {
    const script = scripts.get(name);
    if (script === undefined || script.develops || (script.entry === null && isPublished(known))) continue;
    const start = fromScript(known, script, name === 'start' || name.startsWith('start:') ? 0.9 : 0.8);
    if (start !== null) return start;
  }
  const watched = scripts.get('start');
  if (watched?.develops) {
    const start = fromMain(known) ?? fromWatcher(known, watched);
    if (start !== null) return start;
  }
  return fromMain(known) ?? fromUsualFile(known) ?? fromTypeScript(known) ?? fromWeakerScript(known);
}

function fromScript(known: Known, script: Script, confidence: number): Start | null {
  const { place, manager, scripts } = known;
  if (script.delegates) return null;
  const here = scriptEvidence(place, script);
  const base = {
    command: manager.run(script.name),
    entry: script.entry,
    script,
    confidence,
    evidence: [here],
    node: null,
  };
  if (script.entry === null) return { ...base, confidence: confidence - 0.15, build: buildSteps(known, script) };
  if (place.has(script.entry)) {
    const node = /\.[cm]?ts$/.test(script.entry) && script.words[0] === 'node' ? '>=22.18.0' : null;
    return { ...base, build: buildSteps(known, script), node };
  }
  if (isOutput(script.entry)) {
    const build = buildSteps(known, script);
    const compiles = build.length > 0 || scripts.has(`pre${script.name}`) || /\b(?:build|tsc)\b/.test(script.text);
    if (compiles) return { ...base, build };
    if (place.has('tsconfig.json') && known.deps.has('typescript')) {
      return {
        ...base,
        build: [manager.exec('tsc')],
        confidence: confidence - 0.1,
        evidence: [here, place.evidence('tsc compiles it', 'tsconfig.json')],
      };
    }
  }
  place.notes.push(
    `${place.from('package.json', `"${script.name}"`, '"scripts"')}: ${script.name} runs ${script.entry}, which does not exist`,
  );
  return null;
}

/** `nodemon server.js` restarts on change and hides the exit code: the program itself is run, where it is plain. */
function fromWatcher(known: Known, script: Script): Start | null {
  const { place, manager, deps } = known;
  const evidence = [scriptEvidence(place, script)];
  const plain =
    script.entry !== null &&
    /^(?:nodemon|node|supervisor|node-dev)\b/.test(script.last) &&
    !/\s(?:-r|--require|--exec|-x|--loader|--import|--env-file)\b/.test(script.last);
  if (plain && /\.[cm]?js$/.test(script.entry!) && place.has(script.entry!)) {
    return {
      command: manager.node(script.entry!),
      entry: script.entry,
      script,
      confidence: 0.85,
      evidence,
      build: buildSteps(known, script),
      node: null,
    };
  }
  const program = script.words[0]!;
  if (!deps.has(program) && !/^(?:node|bun|deno|ng|vue-cli-service|nest)$/.test(program) && !packageOf(program, deps))
    return null;
  if (script.entry !== null && !place.has(script.entry)) return null;
  return {
    command: manager.run(script.name),
    entry: script.entry,
    script,
    confidence: 0.65,
    evidence,
    build: [],
    node: null,
  };
}

/** `main`, only where it is there (or will be built) and opens a server or keeps going: a library's main does neither. */
function fromMain(known: Known): Start | null {
  const { place, manager, server } = known;
  const main = asText(at(place.json('package.json'), 'main'));
  if (main === null || isPublished(known)) return null;
  const file = findFile(place, main);
  const evidence = [place.evidence(`main is ${main}`, 'package.json', /"main"\s*:/)];
  if (place.has(file)) {
    if (!runs(readCode(place, [file])) && (server === null || isBin(place))) return null;
    if (!/\.[cm]?js$/.test(file)) return null;
    return {
      command: manager.node(file),
      entry: file,
      script: null,
      confidence: 0.75,
      evidence,
      build: [],
      node: null,
    };
  }
  if (isOutput(file)) {
    const build = buildSteps(known, null);
    const sources = STEMS.map((stem) => `${stem}.ts`).filter((name) => place.has(name));
    if (build.length === 0 || sources.length === 0 || !runs(readCode(place, sources))) return null;
    return {
      command: manager.node(/\.[cm]?js$/.test(file) ? file : `${file}.js`),
      entry: sources[0]!,
      script: null,
      confidence: 0.75,
      evidence,
      build,
      node: null,
    };
  }
  place.notes.push(`${place.from('package.json', /"main"\s*:/)}: main is ${main}, which does not exist`);
  return null;
}

/** A file of this package, not of a member below it. */
const isOwn = (place: Place, file: string): boolean =>
  place.has(file) && !(file.includes('/') && place.has(`${file.slice(0, file.indexOf('/'))}/package.json`));

function fromUsualFile(known: Known): Start | null {
  const { place, manager, server } = known;
  if (isPublished(known)) return null;
  const there = STEMS.flatMap((stem) => [
    `${stem}.js`,
    `${stem}.mjs`,
    `${stem}.cjs`,
    ...(stem.startsWith('bin/') ? [stem] : []),
  ]).filter((file) => isOwn(place, file));
  const listening = there.find((file) => readCode(place, [file]).listens !== null);
  const running =
    listening ??
    (isLibrary(place)
      ? undefined
      : (there.find((file) => runs(readCode(place, [file]))) ?? (server === null ? undefined : there[0])));
  if (running === undefined) return null;
  return {
    command: manager.node(running),
    entry: running,
    script: null,
    confidence: listening === undefined ? 0.55 : 0.75,
    evidence: [cited(place, running, readCode(place, [running]))],
    build: [],
    node: null,
  };
}

function fromTypeScript(known: Known): Start | null {
  const { place, manager, deps, server, scripts } = known;
  if (isPublished(known)) return null;
  const there = STEMS.flatMap((stem) => [`${stem}.ts`, `${stem}.mts`]).filter((file) => isOwn(place, file));
  const entry =
    there.find((file) => runs(readCode(place, [file]))) ?? (server === null || isLibrary(place) ? undefined : there[0]);
  if (entry === undefined) return null;
  const evidence = [cited(place, entry, readCode(place, [entry]))];
  const base = { entry, script: null, confidence: 0.7, evidence, node: null };
  const build = scripts.get('build');
  if (build !== undefined && /\btsc\b/.test(build.text) && !/--noEmit\b/i.test(build.text)) {
    return { ...base, command: manager.node(compiledPath(place, entry)), build: [manager.run('build')] };
  }
  for (const [dep, program] of [
    ['tsx', 'tsx'],
    ['ts-node', 'ts-node'],
    ['vite-node', 'vite-node'],
  ] as const) {
    if (!deps.has(dep)) continue;
    evidence.push(place.evidence(`${dep} runs TypeScript`, 'package.json', `"${dep}"`));
    return { ...base, command: manager.exec(`${program} ${entry}`), build: [] };
  }
  if (manager.name === 'bun') return { ...base, command: `bun ${entry}`, build: [] };
  if (
    deps.has('typescript') &&
    place.has('tsconfig.json') &&
    at(place.jsonc('tsconfig.json'), 'compilerOptions', 'noEmit') !== true
  ) {
    evidence.push(place.evidence('tsc compiles it', 'tsconfig.json', 'outDir'));
    return {
      ...base,
      command: manager.node(compiledPath(place, entry)),
      build: [manager.exec('tsc')],
      confidence: 0.6,
    };
  }
  // Node strips types by itself from 22.18 on.
  return { ...base, command: manager.node(entry), build: [], node: '>=22.18.0', confidence: 0.55 };
}

function fromWeakerScript(known: Known): Start | null {
  if (isPublished(known)) return null;
  const { place, manager, scripts } = known;
  for (const name of WEAKER) {
    const script = scripts.get(name);
    if (script === undefined || script.delegates || REBUILDS.test(script.last)) continue;
    const start = script.develops ? fromWatcher(known, script) : fromScript(known, script, 0.7);
    if (start !== null) return { ...start, confidence: Math.min(start.confidence, 0.65) };
    if (script.develops && script.entry === null) {
      return {
        command: manager.run(name),
        entry: null,
        script,
        confidence: 0.4,
        evidence: [scriptEvidence(place, script)],
        build: [],
        node: null,
      };
    }
  }
  return null;
}

/** The package's own build, unless the script's `pre` does the same or it is no build of an application. */
export function buildSteps({ place, scripts, manager }: Known, script: Script | null): string[] {
  const build = scripts.get('build');
  const before = script === null ? undefined : scripts.get(`pre${script.name}`);
  // npm, pnpm and Bun run `pre` scripts; Yarn 2 and later do not.
  const steps = before !== undefined && manager.berry ? [manager.run(before.name)] : [];
  if (build === undefined || /^(?:echo|exit|true|:|docker|pkg|electron-builder)\b/.test(build.last)) return steps;
  if (before !== undefined && (/\bbuild\b/.test(before.text) || before.text === build.text)) return steps;
  if (script !== null && /\brun build\b|\btsc\b/.test(script.text)) return steps;
  if (asText(at(place.json('package.json'), 'scripts', 'postinstall'))?.includes('run build')) return steps;
  return [...steps, manager.run('build')];
}

export const scriptEvidence = (place: Place, script: Script): Evidence =>
  place.evidence(
    `the script ${script.name} runs \`${script.text.slice(0, 120)}\``,
    'package.json',
    new RegExp(`"${literal(script.name)}"\\s*:`),
    '"scripts"',
  );
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Made to be imported by others: code in it that listens or waits does so for them, not when it is started. */
const isPublished = ({ place, server }: Known): boolean =>
  isLibrary(place) && server === null && at(place.json('package.json'), 'private') !== true;
/** Programs that only write files again and again. */
const REBUILDS =
  /^(?:rollup|tsc|tsup|tsdown|unbuild|esbuild|swc|microbundle|bunchee|babel|sass|tailwindcss|postcss|vitest|jest|ava|mocha|webpack (?!serve)|pkgroll|ncc|obuild|size-limit)\b/;
const runs = (facts: CodeFacts): boolean => facts.listens !== null || facts.stays !== null;
const isBin = (place: Place): boolean => at(place.json('package.json'), 'bin') !== undefined;
export const isLibrary = (place: Place): boolean => {
  const manifest = place.json('package.json');
  return (
    at(manifest, 'exports') !== undefined || at(manifest, 'module') !== undefined || at(manifest, 'types') !== undefined
  );
};
const packageOf = (program: string, deps: ReadonlySet<string>): boolean =>
  [...deps].some((dep) => dep === program || dep.endsWith(`/${program}`) || dep.startsWith(`${program}-`));

const cited = (place: Place, entry: string, { listens, stays }: CodeFacts): Evidence => {
  const line = listens ?? stays;
  return line === null
    ? place.evidence(`${entry} is a usual entry file`, entry)
    : { claim: `${listens === null ? 'keeps running' : 'listens'}: ${line.text}`, file: line.file, line: line.line };
};

/** Where tsc puts a source file, by outDir and rootDir; without rootDir the common folder of the sources is the root. */
export function compiledPath(place: Place, entry: string): string {
  const options = at(place.jsonc('tsconfig.json'), 'compilerOptions');
  const tidy = (path: string): string => path.replace(/^\.\//, '').replace(/\/+$/, '');
  const out = tidy(asText(at(options, 'outDir')) ?? '.');
  const root = asText(at(options, 'rootDir'));
  const onlySrc = entry.startsWith('src/') && !place.names.some((name) => /(?<!\.config|\.d)\.[cm]?ts$/.test(name));
  const base = root === null ? (onlySrc ? 'src' : '') : tidy(root);
  const rel = base !== '' && base !== '.' && entry.startsWith(`${base}/`) ? entry.slice(base.length + 1) : entry;
  const compiled = rel.replace(/\.([cm]?)tsx?$/, '.$1js');
  return out === '.' || out === '' ? compiled : `${out}/${compiled}`;
}
