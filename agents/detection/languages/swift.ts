/** Swift: the package of a Package.swift, read as text; applications for Apple's systems are named, not run. */
import type { Detector } from '../place.js';
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
import { blank, evidenceAt, findAll, findFirst, SWIFT, word } from './source.js';

const SERVERS = [
  [/vapor\/vapor(?:\.git)?"/, 'vapor'],
  [/hummingbird(?:-project)?\/hummingbird(?:\.git)?"/, 'hummingbird'],
  [/[Kk]itura(?:\.git)?"/, 'kitura'],
  [/swift-nio(?:\.git)?"/, 'swift-nio'],
] as const;

/** On what routes are hung: `Environment.get` is none. */
const ROUTE = /\b(?:app|application|routes?|router|\w*[gG]rouped?|builder|api)\.get\s*\(\s*/g;

export const detectSwift: Detector = (place) => {
  const text = place.has('Package.swift') ? place.read('Package.swift', 300_000) : null;
  if (text === null) return null;
  const code = blank(text, SWIFT, 'comments');
  const name = /\bPackage\s*\(\s*name\s*:\s*"([^"]+)"/.exec(code)?.[1];
  if (name === undefined) return null;
  const tools = /^\/\/\s*swift-tools-version\s*:\s*(\d+(?:\.\d+)*)/m.exec(text)?.[1];
  const evidence = [place.evidence(`the Swift package ${name}`, 'Package.swift', /\bname\s*:\s*"/)];
  const about: About = {
    name,
    language: 'swift',
    packageManager: 'swift',
    versions:
      tools === undefined
        ? {}
        : { swift: { want: `>=${tools}`, from: place.from('Package.swift', /swift-tools-version/) } },
    writes: ['.build', ...(place.has('Package.resolved') ? [] : ['Package.resolved'])],
    evidence,
  };
  const install = /\.package\s*\(\s*(?:name\s*:\s*"[^"]*"\s*,\s*)?(?:url|id)\s*:/.test(code)
    ? ['swift package resolve']
    : [];
  const sources = openSources(place, /^Sources\/.*\.swift$/, SWIFT);
  // Before Swift 5.4 a target was made a program by its main.swift.
  const targets = [...code.matchAll(/\.(executableTarget|target)\s*\(\s*name\s*:\s*"([^"]+)"/g)].filter(
    ([, kind, target]) => kind === 'executableTarget' || place.has(`Sources/${target}/main.swift`),
  );
  const server = findFramework(place, 'Package.swift', SWIFT, SERVERS);
  const pick = targets.find(([, , target]) => /^(?:app|run|server|api|web)$/i.test(target!)) ?? targets[0];
  if (pick === undefined) {
    const apple = findFirst(sources, /^\s*import\s+(?:SwiftUI|UIKit|AppKit)\b/gm);
    if (apple !== null) evidence.push(evidenceAt(place, "is made for Apple's systems", apple));
    return makeLibrary(place, about, install, ['swift build'], /\.testTarget\s*\(/.test(code) ? 'swift test' : null);
  }
  const target = pick[2]!;
  evidence.push(
    place.evidence(
      `builds the program ${target}`,
      'Package.swift',
      new RegExp(`name\\s*:\\s*"${target.replace(/\W/g, '\\$&')}"`),
      /\.(?:executableTarget|target)\s*\(/,
    ),
  );
  const run = `./.build/release/${word(target)}`;
  const build = [`swift build -c release --product ${word(target)}`];
  const commands = { install, build, start: run };
  const listens = findFirst(sources, /\bHTTPServer\b|\bServerBootstrap\b|\.(?:execute|runService|run)\s*\(/g);
  if (server !== null && (server.name !== 'swift-nio' || findFirst(sources, /\bServerBootstrap\b/g) !== null)) {
    evidence.push(server.evidence, ...readPortEnv(place, sources, /\bEnvironment\.get\s*\(\s*|\benvironment\s*\[\s*/g));
    if (listens !== null) evidence.push(evidenceAt(place, 'listens', listens));
    return makeServer(place, about, {
      framework: server.name,
      commands:
        server.name === 'vapor'
          ? { ...commands, start: `${run} serve --env production --hostname 127.0.0.1 --port $PORT` }
          : commands,
      ports: readPorts(place, sources, /\bport\s*[:=]\s*/g, /\.hostname\s*\(\s*/g),
      // Vapor writes a path without its slash: `app.get("hello")`; without an argument it is the root.
      paths: [
        ...readRoutes(place, sources, ROUTE),
        ...sources.flatMap((source) =>
          findAll(source, ROUTE).flatMap((found) => {
            const path = /^"([\w.-]+)"\s*\)/.exec(found.rest)?.[1];
            return path === undefined ? [] : [{ path: `/${path}`, from: `${place.full(found.file)}:${found.line}` }];
          }),
        ),
      ].slice(0, 5),
    });
  }
  const parser = findFirst(sources, /\b(?:Async)?ParsableCommand\b/g);
  return makeProgram(place, about, commands, {
    args: parser ?? findFirst(sources, /\bCommandLine\.arguments\b/g),
    endless: findFirst(sources, /\bwhile\s+true\b|\bdispatchMain\s*\(|\bRunLoop\.main\.run\s*\(/g),
    help: parser !== null,
  });
};
