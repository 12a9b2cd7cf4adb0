/** C and C++: CMake, Meson, Make, or plain source files; what the chosen program is, by its own code. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { type Build, isAside, type Program } from './c/build.js';
import { readCmake } from './c/cmake.js';
import { readMake } from './c/make.js';
import { readMeson } from './c/meson.js';
import { readPortEnv, readPorts, readRoutes } from './serving.js';
import { blank, C, evidenceAt, type Found, findAll, findFirst, openSource, type Source, word } from './source.js';

/** What is included → the framework it belongs to. */
const FRAMEWORKS: readonly (readonly [header: RegExp, name: string])[] = [
  [/^crow(?:\.h|_all\.h|\/)/, 'crow'],
  [/^drogon\//, 'drogon'],
  [/^pistache\//, 'pistache'],
  [/^oatpp\//, 'oatpp'],
  [/httplib\.h$/, 'cpp-httplib'],
  [/mongoose\.h$/, 'mongoose'],
  [/microhttpd\.h$/, 'libmicrohttpd'],
  [/civetweb\.h$|CivetServer\.h$/, 'civetweb'],
  [/^event2\/http\.h$/, 'libevent'],
  [/^boost\/beast/, 'beast'],
  [/^cpprest\//, 'cpprestsdk'],
  [/^restinio\//, 'restinio'],
  [/^ulfius\.h$/, 'ulfius'],
  [/^(?:uws|uWebSockets)\/App\.h$|^App\.h$/, 'uwebsockets'],
];
const MAIN = /\bint\s+main\s*\(|\bauto\s+main\s*\([^)]*\)\s*->/g;
const LISTENS =
  /(?<![\w.>])listen\s*\(\s*[a-z_]\w*\s*,|\b(?:MHD_start_daemon|evhttp_bind_socket\w*|mg_http_listen|mg_listen|mg_bind|mg_start|uv_listen|ulfius_start_framework)\s*\(|\.(?:listen|addListener|port|run|bind_to_port)\s*\(/g;
const SOCKETS = /(?<![\w.>])listen\s*\(\s*[a-z_]\w*\s*,|\buv_listen\s*\(/g;
const ASKING = /\bgetenv\s*\(\s*/g;
const WINDOWS =
  /\b(?:SDL_CreateWindow|glfwInit|gtk_(?:application_new|init)|QApplication|InitWindow|sf::RenderWindow)\b/g;
const PARSERS =
  /\b(?:getopt_long|argp_parse|cxxopts::Options|CLI::App|po::options_description|argparse::ArgumentParser|poptGetContext)\b/g;
const SOURCES = /\.(?:c|cc|cpp|cxx)$/;
const ASIDE =
  /(?:^|\/)(?:tests?|unittests?|examples?|samples?|demos?|bench(?:marks?)?|fuzz(?:ing)?|third[-_]party|vendor|external|extern|deps|subprojects|submodules|docs?|build|contrib|tools|cmake)\//i;
const MOST_FILES = 300;
const MOST_PROGRAMS = 60;
/** The manifests of languages whose packages may bring C along. */
const OTHERS = [
  'package.json',
  'pyproject.toml',
  'setup.py',
  'Cargo.toml',
  'go.mod',
  'composer.json',
  'Gemfile',
  'pubspec.yaml',
  'mix.exs',
  'Package.swift',
  'build.zig',
  'build.gradle',
  'pom.xml',
];

export const detectC: Detector = (place) => {
  const build = readBuild(place);
  if (build === null) return null;
  const files = place.files().filter((file) => SOURCES.test(file) && !ASIDE.test(`${file}`));
  const byDepth = files.sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  const sources = byDepth.slice(0, MOST_FILES).flatMap((file) => openSource(place, file, C) ?? []);
  const chosen = chooseProgram(place, build, sources);
  // Beside another language's manifest the C is most often a part of that.
  const sure = (confidence: number): number =>
    OTHERS.some((name) => place.has(name)) ? Math.min(0.3, confidence) : confidence;
  const shared = (program: Program | null, code: readonly Source[]) => ({
    ...(build.name === null ? {} : { name: build.name }),
    language: (program?.sources ?? code.map(({ file }) => file)).some((file) => /\.(?:cc|cpp|cxx)$/.test(file))
      ? 'cpp'
      : 'c',
    packageManager: build.manager,
    versions: build.versions,
    writes: build.writes,
  });
  if (chosen === null) {
    if (build.libraries.length === 0) return null;
    return makeService(place, {
      ...shared(null, sources),
      kind: 'library',
      commands: { install: [], build: build.build(null), start: null },
      proof: { how: 'exit', command: build.test, paths: [] },
      confidence: sure(0.8),
      evidence: [...build.evidence, ...build.libraries.slice(0, 4)],
    });
  }
  const { program, code, own } = chosen;
  const evidence = [...build.evidence, program.evidence];
  for (const other of build.programs.filter((one) => one !== program && !one.aside).slice(0, 3))
    evidence.push(other.evidence);
  const about = { ...shared(program, code), evidence };
  const commands = { install: [], build: build.build(program), start: program.run };
  const { framework, listens } = findServer(place, code, evidence);
  if (listens !== null) {
    const speaksHttp = framework !== null || code.some(({ text }) => /HTTP\/1\.[01]/.test(text));
    const { options, ports } = readListening(place, code, evidence);
    const start = `${program.run}${options}`;
    if (speaksHttp)
      return makeService(place, {
        ...about,
        kind: 'web-service',
        framework,
        commands: { ...commands, start },
        ports,
        proof: {
          how: 'http',
          command: null,
          paths: readRoutes(
            place,
            code,
            /\b(?:CROW_ROUTE|ADD_METHOD_TO|registerHandler)\s*\(\s*(?:[\w:&]+\s*,\s*)?|\.(?:Get|get|GET)\s*\(/g,
          ),
        },
        confidence: sure(framework === null ? 0.8 : 0.9),
      });
    // What it speaks is not HTTP: that it stays up is what can be seen.
    evidence.push(evidenceAt(place, 'serves another protocol than HTTP, as far as its text shows', listens));
    return makeService(place, {
      ...about,
      kind: 'worker',
      commands: { ...commands, start },
      ports,
      proof: { how: 'log', command: null, paths: [] },
      confidence: sure(0.65),
    });
  }
  const window = findFirst(code, WINDOWS);
  if (window !== null) {
    evidence.push(evidenceAt(place, 'opens a window', window));
    return makeService(place, {
      ...about,
      kind: 'unknown',
      commands,
      proof: { how: 'log', command: null, paths: [] },
      confidence: sure(0.5),
    });
  }
  const parser = findFirst(code, PARSERS);
  const args = parser ?? findFirst(own, /\bargv\s*\[\s*[1-9]|\bargc\s*[<>!=]=?\s*\d/g);
  const endless = args !== null ? null : findFirst(own, /\b(?:while\s*\(\s*(?:1|true)\s*\)|for\s*\(\s*;\s*;\s*\))/g);
  if (args !== null)
    evidence.push(
      evidenceAt(place, parser === null ? 'reads arguments' : `reads arguments by ${parser.match[0]}`, args),
    );
  if (endless !== null) evidence.push(evidenceAt(place, 'loops without end', endless));
  const helps = args !== null && code.some(({ text }) => /"(?:--)?help"|CLI::App|argp_parse/.test(text));
  return makeService(place, {
    ...about,
    kind: args !== null ? 'cli' : endless !== null ? 'worker' : 'job',
    commands,
    proof: { how: endless === null ? 'exit' : 'log', command: helps ? `${program.run} --help` : null, paths: [] },
    confidence: sure(args !== null ? 0.7 : 0.6),
  });
};

function readBuild(place: Place): Build | null {
  for (const [file, read] of [
    ['CMakeLists.txt', readCmake],
    ['meson.build', readMeson],
  ] as const)
    if (place.has(file)) {
      if (isAdded(place, file)) return null;
      const build = read(place);
      if (build !== null) return build;
    }
  return readMake(place) ?? readPlain(place);
}

/** A folder below another one of the same build is built from there. */
function isAdded(place: Place, file: string): boolean {
  if (place.path === '.') return false;
  const depth = place.path.split('/').length;
  return Array.from({ length: depth }, (_, n) => '../'.repeat(n + 1)).some((up) => place.has(`${up}${file}`));
}

/** No build file: the one source here that has a main function, with those beside it that have none. */
function readPlain(place: Place): Build | null {
  const here = place.names.filter((name) => SOURCES.test(name));
  if (here.length === 0 || OTHERS.some((name) => place.has(name))) return null;
  const sources = here.flatMap((file) => openSource(place, file, C) ?? []);
  const mains = sources.flatMap((source) => findAll(source, MAIN).slice(0, 1));
  const named =
    mains.find(({ file }) => /^(?:main|server|app)\./.test(file)) ?? (mains.length === 1 ? mains[0] : undefined);
  if (named === undefined) return null;
  const files = sources
    .filter(({ file }) => file === named.file || !mains.some((main) => main.file === file))
    .map(({ file }) => file);
  const compiler = files.some((file) => !file.endsWith('.c')) ? 'c++' : 'cc';
  const links = [
    [/#include\s*<math\.h>/, ' -lm'],
    [/#include\s*(?:<pthread\.h>|<thread>)/, ' -pthread'],
  ] as const;
  const options = links.filter(([header]) => sources.some(({ text }) => header.test(text))).map(([, option]) => option);
  const name = named.file.replace(SOURCES, '');
  const program: Program = {
    name,
    run: word(`./build/${name}`),
    sources: files,
    evidence: evidenceAt(place, `the main function of ${named.file}`, named),
    aside: false,
  };
  return {
    manager: null,
    name: null,
    build: () => [
      `mkdir -p build && ${compiler} -O2 -o ${word(`build/${name}`)} ${files.map(word).join(' ')}${options.join('')}`,
    ],
    programs: [program],
    libraries: [],
    test: null,
    versions: {},
    writes: ['build'],
    evidence: [],
  };
}

interface Chosen {
  program: Program;
  /** All that it is built of, as far as it is known. */
  code: Source[];
  /** Where its main function is. */
  own: Source[];
}

/** A program that listens before one that does not; the project's own name before others; the build file's order. */
function chooseProgram(place: Place, build: Build, sources: readonly Source[]): Chosen | null {
  const hasMain = (source: Source): boolean => factsOf(source).main !== null;
  const helpers = sources.filter((source) => !hasMain(source));
  const candidates = build.programs
    .filter(({ aside, run }) => !aside && !isAside(run))
    .slice(0, MOST_PROGRAMS)
    .map((program): Chosen & { listens: boolean } => {
      const listed =
        program.sources?.flatMap(
          (file) => sources.find((source) => source.file === file) ?? openSource(place, file, C) ?? [],
        ) ?? [];
      const own =
        listed.length > 0
          ? listed
          : sources
              .filter(hasMain)
              .filter((source, _, all) => all.length === 1 || source.file.replace(SOURCES, '').endsWith(program.name));
      const code = [...own, ...helpers.filter((source) => !own.includes(source))];
      return { program, code, own, listens: findServer(place, code, []).listens !== null };
    });
  const rank = ({ program, listens }: Chosen & { listens: boolean }): number =>
    (listens ? 0 : 10) + (program.name === build.name ? 0 : /server|httpd|app|main|web/i.test(program.name) ? 1 : 2);
  return candidates.sort((a, b) => rank(a) - rank(b))[0] ?? null;
}

interface Facts {
  main: Found | null;
  framework: { name: string; found: Found } | null;
  /** A call that listens where a framework is included. */
  served: Found | null;
  sockets: Found | null;
}
/** A file is looked through once, however many programs are made of it. */
const facts = new WeakMap<Source, Facts>();
function factsOf(source: Source): Facts {
  const known = facts.get(source);
  if (known !== undefined) return known;
  const includes = findAll(source, /^[ \t]*#[ \t]*include[ \t]*[<"]/gm).flatMap((found) => {
    const header = /^[^>"\n]*/.exec(found.rest)![0];
    const framework = FRAMEWORKS.find(([pattern]) => pattern.test(header));
    return framework === undefined ? [] : [{ name: framework[1], found }];
  });
  const made: Facts = {
    main: findFirst([source], MAIN),
    framework: includes[0] ?? null,
    served: findFirst([source], LISTENS),
    sockets: findFirst([source], SOCKETS),
  };
  facts.set(source, made);
  return made;
}
const firstFact = <K extends keyof Facts>(code: readonly Source[], key: K): Facts[K] | null =>
  code.map((source) => factsOf(source)[key]).find((fact) => fact !== null) ?? null;

function findServer(
  place: Place,
  code: readonly Source[],
  evidence: Evidence[],
): { framework: string | null; listens: Found | null } {
  const framework = firstFact(code, 'framework');
  const listens = firstFact(code, framework === null ? 'sockets' : 'served');
  if (framework !== null) evidence.push(evidenceAt(place, `uses ${framework.name}`, framework.found));
  if (listens !== null) evidence.push(evidenceAt(place, 'listens', listens));
  return { framework: listens === null ? null : (framework?.name ?? null), listens };
}

/** The ports that the code names, and how the program takes another: its environment, `-p`, its first argument. */
function readListening(
  place: Place,
  code: readonly Source[],
  evidence: Evidence[],
): { options: string; ports: Service['ports'] } {
  const ports = readPorts(
    place,
    code,
    /\bhtons\s*\(\s*/g,
    /^[ \t]*#[ \t]*define[ \t]+\w*PORT\w*[ \t]+\(?/gm,
    /\b(?:default_|server_|listen_)?port\w*\s*=\s*(?:[^;\n]{0,80}[?:]\s*)?/gi,
    /\.(?:port|listen|addListener|bind_to_port)\s*\(\s*/g,
    /\b(?:mg_http_listen|mg_listen)\s*\([^,]{0,200},\s*/g,
  );
  const environment = readPortEnv(place, code, ASKING);
  evidence.push(...environment);
  if (environment.length > 0) return { options: '', ports };
  for (const source of code) {
    // What stands between quotes matters here.
    const spoken = { ...source, code: blank(source.text, C, 'comments') };
    const [flag] = findAll(spoken, /\bcase\s+'(\w)'\s*:[^;:]{0,60}\bport\w*\s*=[^;]{0,60}\boptarg\b/gi);
    if (flag !== undefined) {
      evidence.push(evidenceAt(place, `takes its port by -${flag.match[1]}`, flag));
      return { options: ` -${flag.match[1]} $PORT`, ports };
    }
    const [first] = findAll(source, /\bport\w*\s*=[^;]{0,80}\bargv\s*\[\s*1\s*\]/gi);
    if (first !== undefined) {
      evidence.push(evidenceAt(place, 'takes its port as the first argument', first));
      return { options: ' $PORT', ports };
    }
  }
  return { options: '', ports };
}
