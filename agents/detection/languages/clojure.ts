/** Clojure: Leiningen's project.clj, or a deps.edn with its aliases. */
import type { Detector, Place } from '../place.js';
import {
  type About,
  findFramework,
  makeLibrary,
  makeProgram,
  makeServer,
  openSources,
  readPortEnv,
  readPorts,
  readRoutes,
} from './serving.js';
import { blank, CLOJURE, evidenceAt, findFirst, type Source, word } from './source.js';

const SERVERS = [
  [/\bio\.pedestal\/pedestal/, 'pedestal'],
  [/\bhttp-kit(?:\/http-kit)?\b/, 'http-kit'],
  [/\bring\/ring-jetty-adapter|\bring\/ring(?=[\s"])/, 'ring'],
  [/\baleph\b/, 'aleph'],
  [/\binfo\.sunng\/ring-jetty9-adapter/, 'ring'],
  [/\bmetosin\/reitit/, 'reitit'],
] as const;
const LISTENS = /\((?:[\w.-]+\/)?(?:run-jetty|run-server|start-server|create-server|serve)\b/g;

export const detectClojure: Detector = (place) =>
  place.has('project.clj') ? withLein(place) : place.has('deps.edn') ? withDeps(place) : null;

function describe(
  place: Place,
  file: string,
  about: About,
  commands: { install: string[]; build: string[]; start: string | null },
  test: string | null,
) {
  const sources = openSources(place, /^(?:src|app)\/.*\.cljc?$/, CLOJURE);
  if (commands.start === null) return makeLibrary(place, about, commands.install, commands.build, test);
  const framework = findFramework(place, file, CLOJURE, SERVERS);
  const listens = findFirst(sources, LISTENS);
  if (listens !== null && framework !== null) {
    about.evidence.push(
      framework.evidence,
      evidenceAt(place, 'listens', listens),
      ...readPortEnv(place, sources, /\(System\/getenv\s+/g),
    );
    return makeServer(place, about, {
      framework: framework.name,
      commands: { ...commands, start: commands.start },
      ports: readPorts(
        place,
        sources,
        /:port\s+(?:\([^()]*\([^()]*\)\s*)?/g,
        /\(or\s+\(System\/getenv\s+"\s*"\s*\)\s*/g,
      ),
      paths: readRoutes(place, sources, /\((?:[\w-]+\/)?GET\s+/g),
    });
  }
  return makeProgram(
    place,
    about,
    { ...commands, start: commands.start },
    {
      args: findFirst(sources, /\bparse-opts\b|\*command-line-args\*/g),
      endless: findFirst(sources, /\(while\s+true\b|@\(promise\)/g),
    },
  );
}

function withLein(place: Place) {
  const text = place.read('project.clj', 300_000) ?? '';
  const code = blank(text, CLOJURE, 'comments');
  const [, name] = /\(defproject\s+(?:[\w.-]+\/)?([\w.-]+)\s+"[^"]*"/.exec(code) ?? [];
  if (name === undefined) return null;
  const about: About = {
    name,
    language: 'clojure',
    packageManager: 'leiningen',
    versions: {},
    writes: ['target'],
    evidence: [place.evidence(`the Leiningen project ${name}`, 'project.clj', /\(defproject\s/)],
  };
  const ring = place.evidence('lein ring serves its handler', 'project.clj', /:handler\s/, /:ring\s/);
  const main = place.evidence('has a main namespace', 'project.clj', /:main\s/);
  const test = place.files().some((file) => /^test\/.*\.cljc?$/.test(file)) ? 'lein test' : null;
  const served = /lein-ring/.test(code) && ring.line !== null;
  if (served) {
    about.evidence.push(ring);
    return makeServer(place, about, {
      framework: 'ring',
      commands: { install: ['lein deps'], build: [], start: 'lein ring server-headless $PORT' },
      ports: [],
      paths: readRoutes(place, sourcesOf(place), /\((?:[\w-]+\/)?GET\s+/g),
    });
  }
  if (main.line !== null) about.evidence.push(main);
  return describe(
    place,
    'project.clj',
    about,
    { install: ['lein deps'], build: [], start: main.line === null ? null : 'lein run' },
    test,
  );
}
const sourcesOf = (place: Place): Source[] => openSources(place, /^src\/.*\.cljc?$/, CLOJURE);

function withDeps(place: Place) {
  const code = blank(place.read('deps.edn', 300_000) ?? '', CLOJURE, 'comments');
  const about: About = {
    language: 'clojure',
    packageManager: 'clojure',
    versions: {},
    writes: ['.cpcache', 'target'],
    evidence: [place.evidence('a deps.edn', 'deps.edn', /\S/)],
  };
  // What an alias holds stands in the braces after its name.
  const aliases = [...code.matchAll(/(?<=[\s{]):([\w-]+)\s*\{/g)].slice(0, 60).map((match) => ({
    name: match[1]!,
    body: inBraces(code, match.index + match[0].length - 1),
  }));
  const test = aliases.find(({ name, body }) => name === 'test' && /:main-opts|:exec-fn/.test(body));
  const runs = aliases.filter(
    ({ name, body }) =>
      !/test|dev|repl|build|lint|fmt|outdated/.test(name) &&
      !/^(?:deps|aliases)$/.test(name) &&
      /:main-opts|:exec-fn/.test(body) &&
      !/:aliases\b/.test(body),
  );
  const run = runs.find(({ name }) => /^(?:run|start|server|main|web|prod)/.test(name)) ?? runs[0];
  const [main] = openSources(place, /^src\/.*\.cljc?$/, CLOJURE).flatMap((source) => {
    const found = findFirst([source], /\(defn\s+-main\b/g);
    const namespace = /\(ns\s+(?:\^\S+\s+)*([\w.-]+)/.exec(source.code)?.[1];
    return found === null || namespace === undefined ? [] : [{ found, namespace }];
  });
  if (run !== undefined)
    about.evidence.push(place.evidence(`the alias ${run.name} runs it`, 'deps.edn', `:${run.name}`));
  else if (main !== undefined)
    about.evidence.push(evidenceAt(place, `${main.namespace} has a main function`, main.found));
  const start =
    run !== undefined
      ? `clojure ${/:main-opts/.test(run.body) ? '-M' : '-X'}:${run.name}`
      : main !== undefined
        ? `clojure -M -m ${word(main.namespace)}`
        : null;
  const tested = test === undefined ? null : `clojure ${/:main-opts/.test(test.body) ? '-M' : '-X'}:test`;
  return describe(
    place,
    'deps.edn',
    about,
    {
      install: [`clojure -P${run === undefined ? '' : ` ${/:main-opts/.test(run.body) ? '-M' : '-X'}:${run.name}`}`],
      build: [],
      start,
    },
    tested,
  );
}

function inBraces(text: string, open: number): string {
  for (let index = open, depth = 0; index < text.length; index++) {
    if (text[index] === '{') depth++;
    else if (text[index] === '}' && --depth === 0) return text.slice(open, index + 1);
  }
  return text.slice(open);
}
