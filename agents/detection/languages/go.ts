/** Go: the module, its main packages, and whether one of them listens. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import {
  citeAt,
  evidenceAt,
  type Found,
  findAll,
  findFirst,
  foldersOf,
  GO,
  isSecretName,
  openSource,
  portIn,
  type Source,
  word,
} from './source.js';

const FRAMEWORKS: readonly (readonly [module: string, name: string])[] = [
  ['github.com/gin-gonic/gin', 'gin'],
  ['github.com/labstack/echo', 'echo'],
  ['github.com/gofiber/fiber', 'fiber'],
  ['github.com/go-chi/chi', 'chi'],
  ['github.com/gorilla/mux', 'gorilla'],
  ['github.com/kataras/iris', 'iris'],
];
const ASIDE = /(^|\/)(vendor|testdata|examples?|_examples?|node_modules|third_party|tools?|scripts?|hack)\//;
const MOST_FILES = 600;

interface Main {
  /** Folder from the place, `.` for the root. */
  folder: string;
  main: Found;
  sources: Source[];
  listens: Found | null;
}

export const detectGo: Detector = (place) => {
  const manifest = place.read('go.mod') ?? '';
  const module = /^module[ \t]+"?([^\s"]+)/m.exec(manifest)?.[1] ?? null;
  if (module === null && !place.names.some((name) => name.endsWith('.go'))) return null;
  const packages = readPackages(place);
  const mains = [...packages].flatMap(([folder, sources]) => describeMain(folder, sources, packages, module));
  const [chosen] = mains.sort((a, b) => rank(a) - rank(b) || (a.folder < b.folder ? -1 : 1));
  const evidence: Evidence[] = [];
  if (module !== null) evidence.push(place.evidence(`the Go module ${module}`, 'go.mod', /^module\s/));
  const wanted = /^go[ \t]+(\d+(?:\.\d+)*)/m.exec(manifest)?.[1];
  const requires = /^[ \t]*(?:require[ \t]+)?[\w-]+\.[\w.-]+\/\S+[ \t]+v\d/m.test(manifest);
  const install = requires && !place.has('vendor/modules.txt') ? ['go mod download'] : [];
  const shared = {
    language: 'go',
    packageManager: module === null ? null : 'go',
    versions: wanted === undefined ? {} : { go: { want: `>=${wanted}`, from: place.from('go.mod', /^go\s+\d/) } },
  };
  if (chosen === undefined) {
    if (module === null || packages.size === 0) return null;
    const none = { claim: 'no main package outside examples and tools', file: place.full('go.mod'), line: null };
    return makeService(place, {
      ...shared,
      kind: 'library',
      commands: { install, build: ['go build ./...'], start: null },
      proof: { how: 'exit', command: 'go test ./...', paths: [] },
      confidence: 0.8,
      evidence: [...evidence, none],
    });
  }
  const { folder, sources } = chosen;
  const last =
    folder === '.'
      ? (module
          ?.replace(/\/v\d+$/, '')
          .split('/')
          .at(-1) ?? 'app')
      : folder.split('/').at(-1)!;
  const binary = `./bin/${word(last)}`;
  const target = folder === '.' ? '.' : `./${word(folder)}`;
  const build = [
    `go build -o bin/${word(last)} ${module === null ? sources.map(({ file }) => word(file)).join(' ') : target}`,
  ];
  evidence.push(evidenceAt(place, `main package in ${folder === '.' ? 'the root' : folder}`, chosen.main));
  for (const other of mains.slice(1, 5))
    evidence.push(evidenceAt(place, `main package in ${other.folder}`, other.main));
  const reachable = reach(chosen, packages, module);
  if (chosen.listens === null) {
    const endless = findFirst(sources, /\bfor\s*\{|<-\s*(sig\w*|stop|quit|done|ctx\.Done)/g);
    const tool = findFirst(reachable, /\b(flag\.Parse|cobra\.Command|cli\.(App|Command)|kong\.Parse|os\.Args)\b/g);
    const isWorker = endless !== null && tool === null;
    if (tool !== null) evidence.push(evidenceAt(place, 'reads arguments', tool));
    if (isWorker) evidence.push(evidenceAt(place, 'waits or loops without end', endless));
    const help = tool === null || tool.match[0] === 'os.Args' ? null : `${binary} --help`;
    return makeService(place, {
      ...shared,
      kind: isWorker ? 'worker' : tool === null ? 'job' : 'cli',
      commands: { install, build, start: binary },
      proof: { how: isWorker ? 'log' : 'exit', command: isWorker ? null : help, paths: [] },
      writes: ['bin'],
      confidence: tool === null ? 0.55 : 0.75,
      evidence,
    });
  }
  evidence.push(evidenceAt(place, 'listens', chosen.listens));
  const framework = findFramework(reachable);
  if (framework !== null)
    evidence.push(place.evidence(`uses ${framework.name}`, framework.file, `"${framework.module}`));
  const { options, ports } = readListening(place, reachable, evidence);
  const subcommand = findServeCommand(place, reachable, evidence);
  return makeService(place, {
    ...shared,
    kind: 'web-service',
    framework: framework?.name ?? null,
    commands: { install, build, start: [binary, subcommand, options].filter((part) => part !== null).join(' ') },
    ports,
    env: readEnv(place, reachable),
    proof: { how: 'http', command: null, paths: readRoutes(place, reachable) },
    writes: ['bin'],
    confidence: module === null ? 0.7 : 0.9,
    evidence,
  });
};

function readPackages(place: Place): Map<string, Source[]> {
  // Folders with a go.mod are modules of their own.
  const nested = new Set(
    place.files().flatMap((file) => (file.endsWith('/go.mod') ? [file.slice(0, -'/go.mod'.length)] : [])),
  );
  const belongs = (file: string): boolean =>
    file.endsWith('.go') &&
    !file.endsWith('_test.go') &&
    !ASIDE.test(file) &&
    !(nested.size > 0 && foldersOf(file).some((folder) => nested.has(folder)));
  const files = place.files().filter(belongs);
  const packages = new Map<string, Source[]>();
  const nearest = files.sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  for (const file of nearest.slice(0, MOST_FILES)) {
    const source = openSource(place, file, GO);
    if (source === null || /^\/\/go:build ignore/m.test(source.text)) continue;
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '.';
    packages.set(folder, [...(packages.get(folder) ?? []), source]);
  }
  return packages;
}

function describeMain(
  folder: string,
  all: Source[],
  packages: ReadonlyMap<string, Source[]>,
  module: string | null,
): Main[] {
  const sources = all.filter(({ code }) => /^[ \t]*package[ \t]+main\b/m.test(code));
  const main = findFirst(sources, /^func\s+main\s*\(\s*\)/gm);
  if (main === null) return [];
  const found: Main = { folder, main, sources, listens: null };
  return [{ ...found, listens: reach(found, packages, module).flatMap(findListening)[0] ?? null }];
}

/** What listens, by what the file itself imports: `.Run(` is gin's only where gin is imported. */
function findListening(source: Source): Found[] {
  const imports = (path: string): boolean => source.text.includes(`"${path}`);
  const found = imports('net/http') ? findAll(source, /\.(ListenAndServe(TLS)?|Serve)\s*\(/g) : [];
  if (imports('github.com/gin-gonic/gin')) found.push(...findAll(source, /\.Run(TLS)?\s*\(/g));
  if (imports('github.com/labstack/echo')) found.push(...findAll(source, /\.Start(TLS|Server)?\s*\(/g));
  if (imports('github.com/gofiber/fiber') || imports('github.com/kataras/iris'))
    found.push(...findAll(source, /\.Listen\s*\(/g));
  return found;
}

/** The sources of a main package and of the module's own packages that it imports, directly or not. */
function reach({ folder, sources }: Main, packages: ReadonlyMap<string, Source[]>, module: string | null): Source[] {
  const seen = new Set([folder]);
  const all = [...sources];
  for (let index = 0; index < all.length && module !== null; index++) {
    for (const [, path = ''] of all[index]!.text.matchAll(/"([^"\s]+)"/g)) {
      const next = path === module ? '.' : path.startsWith(`${module}/`) ? path.slice(module.length + 1) : null;
      if (next === null || seen.has(next)) continue;
      seen.add(next);
      all.push(...(packages.get(next) ?? []));
    }
  }
  return all;
}

function rank({ folder, listens }: Main): number {
  const named = /^(server|api|web|app|http|serve|main)$/.test(folder.split('/').at(-1)!) ? 0 : 1;
  return (listens === null ? 100 : 0) + (folder === '.' ? 0 : 4 * folder.split('/').length + named);
}

function findFramework(sources: readonly Source[]): { name: string; module: string; file: string } | null {
  for (const [module, name] of FRAMEWORKS)
    for (const { file, text } of sources) if (text.includes(`"${module}`)) return { name, module, file };
  return null;
}

/** The flag that takes the port or address, and the ports that the code names. */
function readListening(
  place: Place,
  sources: readonly Source[],
  evidence: Evidence[],
): { options: string | null; ports: Service['ports'] } {
  const ports: Service['ports'] = [];
  let options: string | null = null;
  const add = (number: number | null, at: Found): void => {
    if (number !== null && !ports.some((port) => port.number === number))
      ports.push({ number, from: citeAt(place, at) });
  };
  for (const source of sources) {
    for (const at of findAll(source, /\bflag\.(String|Int|StringVar|IntVar)\s*\(/g)) {
      const [, name = '', rest = ''] = /^(?:&[\w.]+,\s*)?"([\w-]+)"\s*,\s*([^\n]*)/.exec(at.rest.trimStart()) ?? [];
      const number = /^(port|p|addr|address|listen|bind|http)$/.test(name) ? portIn(rest) : null;
      if (number === null) continue;
      options ??= `-${name} ${at.match[1]!.startsWith('Int') || !/^"[^"]*:/.test(rest) ? '' : '127.0.0.1:'}$PORT`;
      evidence.push(evidenceAt(place, `takes -${name}`, at));
      add(number, at);
    }
    for (const at of findListening(source)) add(/^\s*"/.test(at.rest) ? portIn(at.rest) : null, at);
    for (const at of findAll(source, /\bAddr:\s*/g)) add(at.rest.startsWith('"') ? portIn(at.rest) : null, at);
    for (const at of findAll(source, /\b(?:addr|address|port|listen\w*)\s*:?=\s*/gi))
      add(/^"?[\w.]*:?\d/.test(at.rest) ? portIn(at.rest) : null, at);
    for (const at of findAll(source, /\bos\.(?:Getenv|LookupEnv)\s*\(/g))
      if (at.rest.startsWith('"PORT"')) evidence.push(evidenceAt(place, 'reads PORT from the environment', at));
  }
  return { options, ports };
}

/** Of a tool with subcommands, the one that serves. */
function findServeCommand(place: Place, sources: readonly Source[], evidence: Evidence[]): string | null {
  for (const source of sources) {
    if (!source.text.includes('"github.com/spf13/cobra"')) continue;
    for (const at of findAll(source, /\bUse:\s*/g)) {
      const name = /^"(serve|server|start|web|http|api|run)\b/.exec(at.rest)?.[1];
      if (name === undefined) continue;
      evidence.push(evidenceAt(place, `has the subcommand ${name}`, at));
      return name;
    }
  }
  return null;
}

function readEnv(place: Place, sources: readonly Source[]): Service['env'] {
  const env = new Map<string, Service['env'][number]>();
  for (const source of sources)
    for (const at of findAll(source, /\bos\.(?:Getenv|LookupEnv)\s*\(/g)) {
      const name = /^"([A-Za-z_]\w*)"/.exec(at.rest)?.[1];
      if (name === undefined || ['PORT', 'HOST', 'HOME', 'PATH', 'USER'].includes(name) || env.has(name)) continue;
      // An unset variable is an empty string in Go: nothing says that it is required.
      env.set(name, { name, required: false, secret: isSecretName(name), default: null, from: citeAt(place, at) });
    }
  return [...env.values()];
}

function readRoutes(place: Place, sources: readonly Source[]): Service['proof']['paths'] {
  const routes: Service['proof']['paths'] = [];
  for (const source of sources)
    for (const at of findAll(source, /\.(?:HandleFunc|Handle|GET|Get)\s*\(/g)) {
      const path = /^"(?:GET )?(\/[\w./-]*)(?:\{\$\})?"/.exec(at.rest)?.[1];
      if (path !== undefined && !routes.some((each) => each.path === path))
        routes.push({ path, from: citeAt(place, at) });
    }
  const order = ({ path }: { path: string }): number =>
    /health|ping|ready|live/.test(path) ? 0 : path === '/' ? 1 : 2;
  return routes.sort((a, b) => order(a) - order(b)).slice(0, 5);
}
