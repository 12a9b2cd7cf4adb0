/**
 * What the JavaScript and TypeScript of a place says by itself: where it listens, on which port, which routes it
 * answers, whether it keeps going. (Variables and drivers are read by the hints.) Read line by line and never run; at most 250 files, the shallow ones first.
 */
import type { Service } from '../../contract.js';
import { cite, type Place } from '../../place.js';

type Port = Service['ports'][number];
type Proof = Service['proof'];

export interface CodeFacts {
  /** `file:line` of the first line that opens a server. */
  listens: { file: string; line: number; text: string } | null;
  /** The first line that keeps a process alive without a server: a timer, a queue's consumer. */
  stays: { file: string; line: number; text: string } | null;
  ports: Port[];
  routes: Proof['paths'];
}

const MOST_FILES = 250;
const LONGEST = 300_000;
const SOURCE = /\.(?:[cm]?[jt]sx?|vue|svelte|astro)$/;
const NOT_SOURCE =
  /\.(?:test|spec|stories|d|min)\.[a-z]+$|(?:^|\/)[^/]*\.config\.[a-z]+$|(?:^|\/)\.?[\w-]+rc\.[cm]?js$/;
/** Folders whose code is not what runs on the server. */
const ASIDE =
  /^(?:tests?|__tests__|specs?|e2e|cypress|examples?|fixtures?|samples?|docs?|benchmarks?|scripts|public|static|assets|www|vendor|stories|dist|build|coverage|out)$/;

/** The files worth reading, shallow ones first; folders with a package.json of their own are other places. */
export function listSources(place: Place): string[] {
  const others = place
    .files()
    .filter((file) => file.endsWith('/package.json'))
    .map((file) => file.slice(0, -'package.json'.length));
  const own = new Set(others);
  const wanted: { file: string; depth: number }[] = [];
  for (const file of place.files()) {
    if (!SOURCE.test(file) || NOT_SOURCE.test(file)) continue;
    const parts = file.split('/');
    if (parts.slice(0, -1).some((part) => ASIDE.test(part))) continue;
    if (own.size > 0 && isBelowAny(file, own)) continue;
    wanted.push({ file, depth: parts.length });
  }
  wanted.sort((a, b) => a.depth - b.depth);
  return wanted.slice(0, MOST_FILES).map(({ file }) => file);
}
const isBelowAny = (file: string, folders: ReadonlySet<string>): boolean => {
  for (let slash = file.indexOf('/'); slash >= 0; slash = file.indexOf('/', slash + 1)) {
    if (folders.has(file.slice(0, slash + 1))) return true;
  }
  return false;
};

const LISTENS =
  /\.listen\s*\(|\b(?:Bun|Deno)\.serve\s*\(|(?<![.\w])serve\s*\(\s*(?:\{|app|handler|\()|\bcreateServer\s*\([^)]*\)\s*\.listen|startStandaloneServer\s*\(/;
const SERVER_SIGNS =
  /['"](?:node:)?(?:https?|http2|net)['"]|\b(?:express|fastify|Fastify|koa|Koa|hapi|Hono|Elysia|polka|restify|NestFactory|ApolloServer|WebSocketServer|createYoga|Bun\.serve|Deno\.serve|createApp|App)\b|['"](?:https:\/\/deno\.land\/std|jsr:@std\/http)/;
const STAYS =
  /\bsetInterval\s*\(|\bwhile\s*\(\s*(?:true|1)\s*\)|\bfor\s*\(\s*;\s*;\s*\)|\.consume\s*\(|\.subscribe\s*\(|\bcron\.schedule\s*\(|new (?:Cron|CronJob|Worker|Consumer)\s*\(|\.process\s*\(\s*(?:async|\(|['"])|\bclient\.login\s*\(|\bbot\.(?:launch|start)\s*\(|fs\.watch\s*\(|chokidar\.watch\s*\(/;

const number = '[\'"`]?(\\d{2,5})\\b';
const PORTS: readonly RegExp[] = [
  new RegExp(
    `(?:process\\.env|Bun\\.env|env)(?:\\.\\w*PORT\\b|\\[['"]\\w*PORT['"]\\])(?:\\s*,\\s*10)?[\\s)!]*(?:\\|\\||\\?\\?)\\s*(?:Number\\(|parseInt\\()?${number}`,
  ),
  new RegExp(`process\\.env\\.\\w*PORT\\b[^:]*\\?[^:]*:\\s*${number}`),
  new RegExp(`\\b\\w*PORT\\s*=\\s*${number}[^}]*\\}\\s*=\\s*(?:process|Bun)\\.env`),
  new RegExp(
    `(?:get|env|Deno\\.env\\.get)\\s*(?:<\\w+>)?\\(\\s*['"]\\w*PORT['"]\\s*(?:,|\\)\\s*(?:\\|\\||\\?\\?))\\s*${number}`,
  ),
];
/** A port the program takes whatever the environment says. */
const FIXED: readonly RegExp[] = [
  /\.listen\s*\(\s*['"]?(\d{2,5})\b/,
  /(?:\.listen|serve)\s*\(\s*(?:[\w.]+\s*,\s*)?\{[^}]*\bport\s*:\s*(\d{2,5})\b/,
  /\b(?:const|let|var)\s+\w*port\s*(?::\s*number\s*)?=\s*['"]?(\d{2,5})\b/i,
  /^\s*port\s*:\s*(\d{2,5})\s*,?\s*\}?\)?;?$/,
];
const ROUTE =
  /\b(app|server|fastify|instance|router|api|route|routes)\s*\.\s*(?:get|all|route)\s*(?:<[^>]*>)?\(\s*(['"`])(\/[^'"`:*(${}?]*)\2/;
const HAPI_ROUTE = /method\s*:\s*['"](?:GET|\*)['"][^}]*\b(?:path|url)\s*:\s*['"](\/[^'"{:*]*)['"]/;
const PLAIN_ROUTE = /\b(?:req|request)\.url\s*===?\s*['"](\/[^'"]*)['"]|\bpathname\s*===?\s*['"](\/[^'"]*)['"]/;
const NEST_PREFIX = /setGlobalPrefix\(\s*['"]\/?([^'"]+)['"]/;
const NEST_CONTROLLER = /@Controller\(\s*(?:['"]\/?([^'":]*)['"])?\s*\)/;
const NEST_GET = /@Get\(\s*(?:['"]\/?([^'":*]*)['"])?\s*\)/;
export const HEALTH =
  /(?:^|\/)(?:_?health(?:z|check|-check)?|livez?|liveness|ready|readyz|readiness|ping|status|alive|up)\/?$/i;

/** Most files hold none of these words, and one look is cheaper than a look at each line. */
const WORTH_READING =
  /listen|serve|\bport\b|PORT|setInterval|\bwhile\b|for\s*\(\s*;|consume|subscribe|schedule|Cron|Worker|Consumer|\.process\b|login|launch|\.start\b|watch|\.(?:get|all|route)\b|method|\.url\b|pathname|@Controller|GlobalPrefix/;

/** Reads the given files (from the place), the entry first if it is known. */
export function readCode(place: Place, files: readonly string[]): CodeFacts {
  const facts: CodeFacts = { listens: null, stays: null, ports: [], routes: [] };
  const fixed: Port[] = [];
  let prefix = '';
  const nest: { path: string; from: string }[] = [];
  for (const rel of files) {
    const text = place.read(rel);
    if (text === null || text.length > LONGEST || !WORTH_READING.test(text)) continue;
    const file = place.full(rel);
    const serves = SERVER_SIGNS.test(text);
    const listensHere = LISTENS.test(text);
    let controller: string | null = null;
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (line.length > 1_000 || /^\s*(?:\/\/|\*|\/\*)/.test(line)) continue;
      const here = { file, line: index + 1, text: line.trim().slice(0, 120) };
      const from = cite(file, here.line);
      if (serves && facts.listens === null && LISTENS.test(line)) facts.listens = here;
      if (facts.stays === null && STAYS.test(line)) facts.stays = here;
      if (/port/i.test(line)) addPort(facts.ports, line, PORTS, from);
      if (serves && listensHere) addPort(fixed, line, FIXED, from);
      readRoutes(facts.routes, line, from, listensHere);
      prefix = NEST_PREFIX.exec(line)?.[1] ?? prefix;
      controller = line.includes('@Controller') ? (NEST_CONTROLLER.exec(line)?.[1] ?? '') : controller;
      const get = controller === null ? null : NEST_GET.exec(line);
      if (get !== null) nest.push({ path: [controller, get[1]].filter(Boolean).join('/'), from });
    }
  }
  for (const { path, from } of nest) facts.routes.push({ path: `/${[prefix, path].filter(Boolean).join('/')}`, from });
  if (facts.ports.length === 0) facts.ports = fixed.slice(0, 3);
  facts.routes = orderRoutes(facts.routes);
  return facts;
}

function addPort(ports: Port[], line: string, patterns: readonly RegExp[], from: string): void {
  for (const pattern of patterns) {
    const value = Number(pattern.exec(line)?.[1] ?? 0);
    if (value < 1 || value > 65_535 || ports.some((port) => port.number === value)) continue;
    ports.push({ number: value, from });
    return;
  }
}

function readRoutes(routes: Proof['paths'], line: string, from: string, listensHere: boolean): void {
  const route = ROUTE.exec(line);
  // A router's paths hang below a mount point that its file does not tell; only beside the server they are whole.
  const path =
    route !== null && (/^(?:app|server|fastify|instance)$/.test(route[1]!) || listensHere)
      ? route[3]!
      : (HAPI_ROUTE.exec(line)?.[1] ??
        (listensHere ? (PLAIN_ROUTE.exec(line)?.[1] ?? PLAIN_ROUTE.exec(line)?.[2]) : undefined));
  if (path !== undefined) routes.push({ path, from });
}

/** `/` first, then what looks like a health route, then the rest; each once, six at most. */
function orderRoutes(routes: Proof['paths']): Proof['paths'] {
  const rank = (path: string): number => (path === '/' ? 0 : HEALTH.test(path) ? 1 : 2);
  const seen = new Set<string>();
  return routes
    .filter(({ path }) => path.length < 200 && !seen.has(path) && seen.add(path))
    .sort((a, b) => rank(a.path) - rank(b.path))
    .slice(0, 6);
}
