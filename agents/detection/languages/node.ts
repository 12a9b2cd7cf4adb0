/** Node.js: from package.json, lock files and the code itself. */
import type { Evidence, Service } from '../contract.js';
import { cite, type Detector, makeService, type Place } from '../place.js';
import { asTable, asText, at } from '../values.js';
import { type CodeFacts, listSources, readCode } from './node/code.js';
import { chooseFrameworkStart } from './node/framework-start.js';
import { frameworks, servers } from './node/frameworks.js';
import { findManager, type Manager } from './node/manager.js';
import { detectNxProject } from './node/nx.js';
import { describePackage } from './node/package.js';
import { findFile, isOutput, readScripts } from './node/scripts.js';
import { buildSteps, chooseStart, isLibrary, type Known, type Start } from './node/start.js';
import { listBuiltFirst, readWorkspace } from './node/workspace.js';

const WORKER_DEPS = [
  'bullmq',
  'bull',
  'bee-queue',
  'agenda',
  'bree',
  'node-cron',
  'cron',
  'discord.js',
  'telegraf',
  'node-telegram-bot-api',
  'grammy',
  '@slack/bolt',
  'amqplib',
  'kafkajs',
  'mqtt',
  'whatsapp-web.js',
  'tmi.js',
];
const FILE_SERVERS = /^(?:serve|http-server|sirv|live-server|lite-server|json-server|browser-sync|ws)\b/;

export const detectNode: Detector = (place) => {
  if (!place.has('package.json')) return detectNxProject(place) ?? detectPlain(place);
  const manifest = place.json('package.json');
  if (manifest === null) return null; // Said in the notes, with its line.

  const own = new Set(Object.keys(asTable(at(manifest, 'dependencies'))));
  const deps = new Set([
    ...own,
    ...['devDependencies', 'optionalDependencies'].flatMap((key) => Object.keys(asTable(at(manifest, key)))),
  ]);
  const scripts = readScripts(place);
  const manager = findManager(place);
  const serverRow = servers.find(([dep]) => own.has(dep)) ?? null;
  const known: Known = { place, deps, scripts, manager, server: serverRow?.[1] ?? null };

  const framework = frameworks.find(
    ({ deps: wanted, when }) => wanted.some((dep) => deps.has(dep)) && (when?.(place, deps) ?? true),
  );
  const isTool =
    framework !== undefined &&
    isLibrary(place) &&
    at(manifest, 'private') !== true &&
    /^(?:vite|vitepress|docusaurus|parcel)$/.test(framework.name);
  if (framework !== undefined && !isTool) {
    const said = chooseFrameworkStart(framework, known);
    if (said !== null)
      return finish(known, said.start, {
        ...said,
        framework: said.own ? (known.server ?? framework.name) : framework.name,
      });
  }

  const bin = readBin(place);
  const start = chooseStart(known);
  if (start === null || (bin !== null && (start.entry === bin || (start.script === null && known.server === null)))) {
    // The root of a workspace that only hands on to its members is no service of its own.
    if (readWorkspace(place) !== null && bin === null) return null;
    return describePackage(known, bin, commonParts(known, null));
  }
  return finish(known, start, { framework: known.server });
};

type Said = {
  framework: string | null;
  kind?: Service['kind'];
  ports?: Service['ports'];
  writes?: string[];
  paths?: Service['proof']['paths'];
  custom?: boolean;
};

function finish(known: Known, start: Start, said: Said): Service {
  const { place, manager } = known;
  const sources = listSources(place);
  const files =
    start.entry !== null && place.has(start.entry)
      ? [start.entry, ...sources.filter((file) => file !== start.entry)]
      : sources;
  const facts = readCode(place, files);
  const { kind, confidence, evidence } =
    said.kind === undefined
      ? judgeKind(known, start, facts)
      : { kind: said.kind, confidence: start.confidence, evidence: [] };
  const common = commonParts(known, start);
  const named = [...scriptPorts(place, start), ...(said.kind === undefined || said.custom ? facts.ports : [])];
  // A framework's usual port counts only where the code names none.
  const ports = [...named, ...(said.custom && named.length > 0 ? [] : (said.ports ?? []))];
  const paths = [...facts.routes, ...(said.paths ?? [])];
  return makeService(place, {
    ...common,
    kind,
    language: isBunOnly(place, manager, start) ? 'bun' : 'node',
    framework: said.framework,
    packageManager: manager.name,
    commands: { ...common.commands, start: start.command },
    ports: ports.filter((port, index) => ports.findIndex(({ number }) => number === port.number) === index),
    proof: {
      how:
        kind === 'web-service' || kind === 'static-site' ? 'http' : kind === 'job' || kind === 'cli' ? 'exit' : 'log',
      command: null,
      paths:
        kind === 'web-service' || kind === 'static-site'
          ? paths.filter(({ path }, index) => paths.findIndex((other) => other.path === path) === index)
          : [],
    },
    writes: [...new Set([...common.writes, ...(said.writes ?? []), ...builtWrites(place, start)])],
    confidence,
    evidence: [...start.evidence, ...common.evidence, ...evidence],
  });
}

/** What the code says the process will do: listen, keep going, or end. */
function judgeKind(
  known: Known,
  start: Start,
  facts: CodeFacts,
): { kind: Service['kind']; confidence: number; evidence: Evidence[] } {
  const { place, deps, server } = known;
  const because = (hit: { file: string; line: number; text: string }, claim: string): Evidence[] => [
    { claim: `${claim}: ${hit.text}`, file: hit.file, line: hit.line },
  ];
  if (facts.listens !== null)
    return { kind: 'web-service', confidence: start.confidence, evidence: because(facts.listens, 'listens') };
  if (server !== null && server !== 'ws') {
    return {
      kind: 'web-service',
      confidence: Math.min(start.confidence, 0.7),
      evidence: [
        place.evidence(
          `${server} is a dependency`,
          'package.json',
          `"${servers.find(([, name]) => name === server)![0]}"`,
          '"dependencies"',
        ),
      ],
    };
  }
  if (start.script !== null && FILE_SERVERS.test(start.script.last))
    return { kind: 'web-service', confidence: 0.75, evidence: [] };
  if (facts.stays !== null)
    return {
      kind: 'worker',
      confidence: Math.min(start.confidence, 0.75),
      evidence: because(facts.stays, 'keeps running'),
    };
  const queue = WORKER_DEPS.find((dep) => deps.has(dep));
  if (queue !== undefined) {
    return {
      kind: 'worker',
      confidence: Math.min(start.confidence, 0.7),
      evidence: [place.evidence(`${queue} keeps a process going`, 'package.json', `"${queue}"`)],
    };
  }
  const readable = start.entry !== null && (place.has(start.entry) || isOutput(start.entry));
  if (!readable) return { kind: 'unknown', confidence: 0.35, evidence: [] };
  return {
    kind: 'job',
    confidence: Math.min(start.confidence, 0.7),
    evidence: [place.evidence('nothing listens and nothing keeps it running: it ends by itself', start.entry!)],
  };
}

type Common = Pick<Service, 'versions' | 'commands' | 'writes' | 'evidence' | 'packageManager'>;
/** What is common to all that a package.json may start; null: it cannot be read, which is in the notes. */
export function nodeParts(place: Place): Common | null {
  const manifest = place.json('package.json');
  if (manifest === null) return null;
  const own = Object.keys(asTable(at(manifest, 'dependencies')));
  const deps = new Set([...own, ...Object.keys(asTable(at(manifest, 'devDependencies')))]);
  const known: Known = { place, deps, scripts: readScripts(place), manager: findManager(place), server: null };
  return commonParts(known, null);
}

function commonParts(known: Known, start: Start | null): Common {
  const { place, manager, deps, scripts } = known;
  const evidence = [...manager.evidence];
  const build: string[] = [];
  if (manager.workspace !== null) {
    for (const member of listBuiltFirst(manager.workspace, place)) {
      build.push(manager.runMember(member.name, 'build'));
      evidence.push(
        member.place.evidence(
          `${member.name} is built first: ${place.path} depends on it`,
          'package.json',
          '"build"',
          '"scripts"',
        ),
      );
    }
  }
  const schema = ['prisma/schema.prisma', 'schema.prisma'].find((file) => place.has(file));
  if (
    schema !== undefined &&
    (deps.has('prisma') || deps.has('@prisma/client')) &&
    ![...scripts.values()].some(({ text }) => text.includes('prisma generate'))
  ) {
    build.push(manager.exec('prisma generate'));
    evidence.push(place.evidence('the Prisma client is generated from the schema', schema, /^generator\b/));
  }
  build.push(...(start?.build ?? buildSteps(known, null)));
  return {
    packageManager: manager.name,
    versions: { ...nodeVersion(place, manager, start), ...manager.versions },
    commands: { install: manager.install, build, start: null },
    writes: [...manager.writes],
    evidence,
  };
}

function nodeVersion(place: Place, manager: Manager, start: Start | null): Service['versions'] {
  for (const where of [place, manager.home]) {
    const manifest = where.json('package.json');
    const volta = asText(at(manifest, 'volta', 'node'));
    if (volta !== null) return { node: { want: volta, from: where.from('package.json', '"node"', '"volta"') } };
    const engines = asText(at(manifest, 'engines', 'node'));
    if (engines !== null) return { node: { want: engines, from: where.from('package.json', '"node"', '"engines"') } };
    const runtime = at(manifest, 'devEngines', 'runtime');
    if (at(runtime, 'name') === 'node' && asText(at(runtime, 'version')) !== null) {
      return {
        node: { want: asText(at(runtime, 'version'))!, from: where.from('package.json', '"version"', '"runtime"') },
      };
    }
  }
  return start?.node == null ? {} : { node: { want: start.node, from: place.full(start.entry!) } };
}

/** A port written into the script itself wins over what we hand over. */
function scriptPorts(place: Place, { script }: Start): Service['ports'] {
  const match = script === null ? null : /(?:\bPORT=|(?:-p|--port|-l|--listen)[ =])(\d{2,5})\b/.exec(script.text);
  const number = Number(match?.[1] ?? 0);
  return number < 1 || number > 65_535
    ? []
    : [{ number, from: place.from('package.json', `"${script!.name}"`, '"scripts"') }];
}

function builtWrites(place: Place, { entry, command, build }: Start): string[] {
  if (build.length === 0) return [];
  const out = asText(
    at(place.has('tsconfig.json') ? place.jsonc('tsconfig.json') : null, 'compilerOptions', 'outDir'),
  )?.replace(/^\.\//, '');
  const of = [entry ?? '', ...command.split(' ')]
    .filter((word) => word.includes('/') && isOutput(word) && !word.startsWith('.yarn'))
    .map((word) => word.replace(/^\.\//, '').split('/')[0]!);
  return [...new Set([...(out === undefined ? [] : [out]), ...of])];
}

/** The file of `bin`, from the place; null without one. */
function readBin(place: Place): string | null {
  const bin = at(place.json('package.json'), 'bin');
  const name = asText(at(place.json('package.json'), 'name'))?.replace(/^@[^/]+\//, '');
  const file =
    asText(bin) ??
    asText(at(bin, name ?? '')) ??
    Object.values(asTable(bin))
      .map(asText)
      .find((value) => value !== null) ??
    null;
  return file === null ? null : findFile(place, file);
}

/** Runs on Bun itself, not only with its package manager. */
const isBunOnly = (place: Place, manager: Manager, start: Start): boolean =>
  manager.name === 'bun' &&
  (/^bun (?!run [\w:-]+$)/.test(start.command) ||
    start.script?.words[0] === 'bun' ||
    (start.entry !== null && /\bBun\.\w|from ['"]bun(?::\w+)?['"]/.test(place.read(start.entry) ?? '')));

/** A server in one file, with no manifest at all. */
function detectPlain(place: Place): Service | null {
  const entry = [
    'server.js',
    'app.js',
    'index.js',
    'main.js',
    'server.mjs',
    'app.mjs',
    'index.mjs',
    'server.cjs',
    'src/server.js',
    'src/index.js',
  ].find((file) => place.has(file) && readCode(place, [file]).listens !== null);
  if (entry === undefined || /\bDeno\.\w/.test(place.read(entry) ?? '')) return null;
  const facts = readCode(place, [entry]);
  const { file, line, text } = facts.listens!;
  return makeService(place, {
    kind: 'web-service',
    language: 'node',
    confidence: 0.65,
    commands: { install: [], build: [], start: `node ${entry}` },
    ports: facts.ports,
    proof: { how: 'http', command: null, paths: facts.routes },
    evidence: [
      { claim: `listens: ${text}`, file, line },
      { claim: 'there is no package.json', file: cite(place.full(entry), null), line: null },
    ],
  });
}
