/** Files that a framework's launcher runs (Streamlit, Chainlit), and files that open a server of their own. */
import type { Service } from '../../contract.js';
import { makeService } from '../../place.js';
import { readPortEnv, readPortFlag, readPorts, readRoutes, readServing } from './facts.js';
import { type PythonModule, readCalls } from './module.js';
import type { Project } from './project.js';
import { shell } from './serve.js';

const ENTRY = [
  'streamlit_app.py',
  'app.py',
  'main.py',
  'Home.py',
  'home.py',
  'server.py',
  'run.py',
  'index.py',
  '__main__.py',
];

export function detectLaunched(project: Project): Service | null {
  return detectStreamlit(project) ?? detectChainlit(project);
}

/** The best file by name and depth. */
export function pickEntry(found: readonly PythonModule[]): PythonModule | null {
  const rank = ({ file }: PythonModule): number => {
    const named = ENTRY.indexOf(file.split('/').at(-1)!);
    return file.split('/').length * 20 + (named < 0 ? ENTRY.length : named);
  };
  return [...found].sort((a, b) => rank(a) - rank(b) || (a.file < b.file ? -1 : 1))[0] ?? null;
}

function detectStreamlit({ place, declared, modules }: Project): Service | null {
  // Pages of a multi-page app are started by their main page.
  const entry = pickEntry(
    [...modules.values()].filter(
      (module) => importLine(module, 'streamlit') !== null && !/(^|\/)pages\//.test(module.file),
    ),
  );
  if (
    entry === null ||
    !entry.statements.some((each) => readCalls(entry, each).some(({ name }) => name.startsWith('streamlit.')))
  )
    return null;
  const line = importLine(entry, 'streamlit');
  const file = place.full(entry.file);
  return makeService(place, {
    kind: 'web-service',
    language: 'python',
    framework: 'streamlit',
    commands: {
      install: declared.install,
      build: [],
      start: `${declared.python} -m streamlit run ${shell(entry.file)} --server.headless true --server.address 127.0.0.1 --server.port $PORT --browser.gatherUsageStats false`,
    },
    proof: {
      how: 'http',
      command: null,
      paths: [
        { path: '/_stcore/health', from: `${file}:${line}` },
        { path: '/', from: `${file}:${line}` },
      ],
    },
    confidence: declared.dependencies.has('streamlit') ? 0.95 : 0.75,
    evidence: [{ claim: `${entry.file} is a Streamlit page`, file, line }],
  });
}

function detectChainlit({ place, declared, modules }: Project): Service | null {
  const entry = pickEntry([...modules.values()].filter((module) => importLine(module, 'chainlit') !== null));
  if (entry === null) return null;
  return makeService(place, {
    kind: 'web-service',
    language: 'python',
    framework: 'chainlit',
    commands: {
      install: declared.install,
      build: [],
      start: `${declared.python} -m chainlit run ${shell(entry.file)} --headless --host 127.0.0.1 --port $PORT`,
    },
    confidence: declared.dependencies.has('chainlit') ? 0.9 : 0.7,
    evidence: [
      { claim: `${entry.file} is a Chainlit app`, file: place.full(entry.file), line: importLine(entry, 'chainlit') },
    ],
  });
}

/** A script that opens its own server: http.server, aiohttp's run_app, Bottle's run. */
export function detectServing({ place, declared, modules }: Project): Service | null {
  const entry = pickEntry([...modules.values()].filter((module) => readServing(module) !== null));
  if (entry === null) return null;
  const serving = readServing(entry)!;
  const file = place.full(entry.file);
  const cite = (line: number): string => `${file}:${line}`;
  const flag = readPortFlag(entry);
  const env = readPortEnv(entry);
  const evidence = [{ claim: `${serving.name} listens when the file is run`, file, line: serving.line }];
  if (env !== null) evidence.push({ claim: 'reads PORT from the environment', file, line: env });
  if (flag !== null) evidence.push({ claim: 'takes --port', file, line: flag });
  const framework =
    ['bottle', 'aiohttp', 'tornado', 'nicegui'].find((name) => importLine(entry, name) !== null) ?? null;
  return makeService(place, {
    kind: 'web-service',
    language: 'python',
    framework,
    commands: {
      install: declared.install,
      build: [],
      start: `${declared.python} ${shell(entry.file)}${flag === null ? '' : ' --port $PORT'}`,
    },
    ports: readPorts(entry, cite),
    proof: {
      how: 'http',
      command: null,
      paths: readRoutes(entry, new Set(['app']))
        .slice(0, 5)
        .map(({ path, line }) => ({ path, from: cite(line) })),
    },
    confidence: entry.file.includes('/') ? 0.6 : 0.8,
    evidence,
  });
}

export const importLine = ({ imported }: PythonModule, name: string): number | null =>
  imported.find(({ module, level }) => level === 0 && (module === name || module.startsWith(`${name}.`)))?.line ?? null;
