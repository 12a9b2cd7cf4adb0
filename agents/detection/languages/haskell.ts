/** Haskell: a Cabal package (or hpack's package.yaml), built by Stack where there is a stack.yaml, or one Main.hs. */
import type { Detector, Place } from '../place.js';
import { asList, asTable, asText, at } from '../values.js';
import {
  type About,
  makeLibrary,
  makeProgram,
  makeServer,
  openSources,
  readPortEnv,
  readPorts,
  readRoutes,
} from './serving.js';
import { evidenceAt, findFirst, HASKELL, word } from './source.js';

const SERVERS = [
  'scotty',
  'servant-server',
  'yesod',
  'yesod-core',
  'ihp',
  'Spock',
  'snap-server',
  'snap',
  'warp',
  'happstack-server',
  'twain',
  'okapi',
];

interface Package {
  file: string;
  name: string;
  programs: { name: string; pattern: RegExp | string }[];
  /** Everything that it depends on. */
  depends: Set<string>;
  tested: boolean;
}

export const detectHaskell: Detector = (place) => {
  const found = readHpack(place) ?? readCabal(place);
  if (found === null) return detectMain(place);
  const { file, name, programs, depends, tested } = found;
  const resolver = place.has('stack.yaml')
    ? asText(place.yaml('stack.yaml')?.resolver ?? place.yaml('stack.yaml')?.snapshot)
    : null;
  const evidence = [place.evidence(`the Haskell package ${name}`, file, /^\s*name\s*:/i)];
  const stack = place.has('stack.yaml');
  if (stack)
    evidence.push(
      place.evidence(
        `built by Stack${resolver === null ? '' : ` with ${resolver}`}`,
        'stack.yaml',
        /^(?:resolver|snapshot)\s*:/,
      ),
    );
  const compiler =
    stack || !place.has('cabal.project')
      ? undefined
      : /^with-compiler:\s*ghc-(\d[\d.]*)/m.exec(place.read('cabal.project') ?? '')?.[1];
  const about: About = {
    name,
    language: 'haskell',
    packageManager: stack ? 'stack' : 'cabal',
    versions:
      compiler === undefined ? {} : { ghc: { want: compiler, from: place.from('cabal.project', /^with-compiler:/) } },
    writes: stack ? ['.stack-work'] : ['dist-newstyle'],
    evidence,
  };
  const outside = [...depends].some((each) => each !== 'base' && each !== name);
  const install = stack
    ? ['stack build --only-dependencies']
    : outside
      ? ['cabal update', 'cabal build --only-dependencies all']
      : [];
  const program = programs.find((each) => /server|web|api|app/i.test(each.name)) ?? programs[0];
  if (program === undefined)
    return makeLibrary(
      place,
      about,
      install,
      [stack ? 'stack build' : 'cabal build all'],
      tested ? (stack ? 'stack test' : 'cabal test all') : null,
    );
  evidence.push(place.evidence(`builds the program ${program.name}`, file, program.pattern));
  const commands = {
    install,
    build: [
      stack ? `stack build ${word(`${name}:exe:${program.name}`)}` : `cabal build ${word(`exe:${program.name}`)}`,
    ],
    start: stack ? `stack exec ${word(program.name)}` : `cabal run --verbose=0 ${word(`exe:${program.name}`)}`,
  };
  const sources = openSources(place, /\.hs$/, HASKELL).filter(({ file: each }) => each !== 'Setup.hs');
  const server = SERVERS.find((each) => depends.has(each)) ?? null;
  const listens = findFirst(
    sources,
    /\b(?:scotty|scottyT|run|runSettings|runEnv|warp|warpEnv|spock|runSpock|quickHttpServe|simpleHTTP)\b(?=\s+[\w($"])/g,
  );
  if (server !== null && listens !== null) {
    evidence.push(
      place.evidence(`depends on ${server}`, file, new RegExp(`(?:^|[\\s,-])${server}(?:[\\s,<>=^]|$)`)),
      evidenceAt(place, 'listens', listens),
    );
    evidence.push(...readPortEnv(place, sources, /\b(?:lookupEnv|getEnv)\s+/g));
    return makeServer(place, about, {
      framework: server,
      commands,
      ports: readPorts(
        place,
        sources,
        /\b(?:scotty|run|warp|runEnv|warpEnv|setPort)\s+/g,
        /\b\w*[pP]ort\s*=\s*/g,
        /\bfromMaybe\s+/g,
      ),
      paths: readRoutes(place, sources, /^\s*get\s+/gm),
    });
  }
  return makeProgram(place, about, commands, {
    args: findFirst(sources, /\b(?:getArgs|execParser|customExecParser)\b/g),
    endless: findFirst(sources, /\bforever\b/g),
    help: depends.has('optparse-applicative'),
  });
};

function readCabal(place: Place): Package | null {
  const file = place.names.find((each) => each.endsWith('.cabal') && each !== '.cabal');
  const text = file === undefined ? null : place.read(file, 300_000);
  const name = /^name\s*:\s*(\S+)/im.exec(text ?? '')?.[1];
  if (file === undefined || text === null || name === undefined) return null;
  const programs = [...text.matchAll(/^executable[ \t]+(\S+)/gim)].map(([, each]) => ({
    name: each!,
    pattern: new RegExp(`^executable\\s+${each!.replace(/\W/g, '\\$&')}\\s*$`, 'i'),
  }));
  const depends = new Set<string>();
  // A list goes on while its lines are indented and no next field begins.
  for (const [, list] of text.matchAll(
    /^[ \t]*build-depends[ \t]*:((?:.*\n)(?:[ \t]+(?![\w-]+[ \t]*:).*\n|[ \t]*,.*\n)*)/gim,
  ))
    for (const each of list!.replace(/--.*$/gm, '').split(/[,\n]/)) {
      const one = /^\s*([A-Za-z][\w-]*)/.exec(each)?.[1];
      if (one !== undefined) depends.add(one);
    }
  return { file, name, programs, depends, tested: /^test-suite\s/im.test(text) };
}

function readHpack(place: Place): Package | null {
  const table = place.has('package.yaml') ? place.yaml('package.yaml') : null;
  if (table === null || !(place.has('stack.yaml') || place.files().some((file) => file.endsWith('.hs')))) return null;
  const programs = [
    ...Object.keys(asTable(table.executables)),
    ...(table.executable === undefined ? [] : [asText(table.name) ?? 'main']),
  ];
  const lists = [
    table.dependencies,
    ...Object.values(asTable(table.executables)).map((each) => at(each, 'dependencies')),
    at(table.library, 'dependencies'),
  ];
  const depends = new Set(
    lists.flatMap((list) => asList(list)).flatMap((each) => /^[A-Za-z][\w-]*/.exec(asText(each) ?? '')?.[0] ?? []),
  );
  const name = asText(table.name) ?? place.path.split('/').at(-1)!;
  return {
    file: 'package.yaml',
    name,
    programs: programs.map((each) => ({
      name: each,
      pattern: new RegExp(`^\\s+${each.replace(/\W/g, '\\$&')}\\s*:|^executable\\s*:`),
    })),
    depends,
    tested: table.tests !== undefined,
  };
}

/** One file and nothing that builds it. */
function detectMain(place: Place) {
  const file = ['Main.hs', 'main.hs', 'app/Main.hs', 'src/Main.hs'].find((each) => place.has(each));
  if (file === undefined) return null;
  const sources = openSources(place, /\.hs$/, HASKELL);
  const folder = file.includes('/') ? ` -i${file.slice(0, file.lastIndexOf('/'))}` : '';
  const about: About = {
    language: 'haskell',
    packageManager: null,
    versions: {},
    writes: ['build'],
    evidence: [place.evidence(`${file} is the program`, file, /^main\b/)],
  };
  return makeProgram(
    place,
    about,
    {
      install: [],
      build: [`mkdir -p build && ghc -O1${folder} -outputdir build -o build/main ${word(file)}`],
      start: './build/main',
    },
    { args: findFirst(sources, /\bgetArgs\b/g), endless: findFirst(sources, /\bforever\b/g) },
  );
}
