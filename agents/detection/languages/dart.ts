/** Dart: the package of a pubspec.yaml; Flutter as far as it makes pages. */
import { type Detector, makeService } from '../place.js';
import { asTable, asText, at } from '../values.js';
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
import { DART, evidenceAt, findFirst, word } from './source.js';
import { toRange } from './versions.js';

const SERVERS = ['dart_frog', 'serverpod', 'shelf', 'alfred', 'conduit', 'angel3_framework', 'relic'];

export const detectDart: Detector = (place) => {
  const spec = place.has('pubspec.yaml') ? place.yaml('pubspec.yaml') : null;
  const name = asText(spec?.name);
  if (spec === null || name === null) return null;
  const wanted = toRange(asText(at(spec, 'environment', 'sdk')) ?? '');
  const dependencies = asTable(spec.dependencies);
  const locked = place.has('pubspec.lock');
  const evidence = [place.evidence(`the Dart package ${name}`, 'pubspec.yaml', /^name\s*:/)];
  const about: About = {
    name,
    language: 'dart',
    packageManager: 'pub',
    versions:
      wanted === null
        ? {}
        : { dart: { want: wanted, from: place.from('pubspec.yaml', /^\s+sdk\s*:/, /^environment\s*:/) } },
    writes: ['.dart_tool', ...(locked ? [] : ['pubspec.lock'])],
    evidence,
  };
  if (Object.hasOwn(dependencies, 'flutter')) {
    evidence.push(place.evidence('a Flutter application', 'pubspec.yaml', /^\s+flutter\s*:/, /^dependencies\s*:/));
    const flutter = {
      ...about,
      framework: 'flutter',
      packageManager: 'flutter',
      versions: {},
      writes: [...about.writes, 'build'],
    };
    const install = ['flutter pub get'];
    if (!place.has('lib/main.dart'))
      return makeService(place, {
        ...flutter,
        kind: 'library',
        commands: { install, build: [], start: null },
        proof: { how: 'exit', command: 'flutter test', paths: [] },
        confidence: 0.7,
      });
    if (place.has('web/index.html')) {
      evidence.push(place.evidence('has a page for browsers', 'web/index.html', /./));
      return makeService(place, {
        ...flutter,
        kind: 'static-site',
        commands: { install, build: ['flutter build web'], start: 'rr-static build/web --spa' },
        confidence: 0.8,
      });
    }
    evidence.push(place.evidence('is made for phones or desktops: there is no web folder', 'lib/main.dart', /./));
    return makeService(place, {
      ...flutter,
      kind: 'unknown',
      commands: { install, build: [], start: null },
      proof: { how: 'exit', command: 'flutter test', paths: [] },
      confidence: 0.6,
    });
  }
  const install =
    Object.keys(dependencies).length + Object.keys(asTable(spec.dev_dependencies)).length > 0
      ? [`dart pub get${locked ? ' --enforce-lockfile' : ''}`]
      : [];
  const server = SERVERS.find((each) => Object.hasOwn(dependencies, each)) ?? null;
  if (server === 'dart_frog') {
    evidence.push(place.evidence('depends on dart_frog', 'pubspec.yaml', /^\s+dart_frog\s*:/));
    const frog = 'dart pub global run dart_frog_cli:dart_frog';
    return makeServer(
      place,
      { ...about, writes: [...about.writes, 'build'] },
      {
        framework: server,
        commands: {
          install: [...install, 'dart pub global activate dart_frog_cli'],
          build: [`${frog} build`],
          start: 'dart build/bin/server.dart',
        },
        ports: [],
        paths: place.has('routes/index.dart')
          ? [{ path: '/', from: place.from('routes/index.dart', /\bonRequest\b/) }]
          : [],
      },
    );
  }
  const programs = place.files().filter((file) => /^bin\/[^/]+\.dart$/.test(file));
  const entry =
    programs.find((file) => /(?:server|main|app)\.dart$/.test(file)) ??
    programs.find((file) => file === `bin/${name}.dart`) ??
    programs[0];
  const tested = place.files().some((file) => /^test\/.*_test\.dart$/.test(file)) ? 'dart test' : null;
  if (entry === undefined) return makeLibrary(place, about, install, ['dart analyze'], tested);
  const sources = openSources(place, /^(?:bin|lib)\/.*\.dart$/, DART).sort(
    (a, b) => Number(b.file === entry) - Number(a.file === entry),
  );
  evidence.push(place.evidence(`${entry} is run`, entry, /\bmain\s*\(/));
  const commands = { install, build: [], start: `dart run ${word(entry)}` };
  const listens = findFirst(
    sources,
    /\bHttpServer\.bind(?:Secure)?\s*\(|\bserve\s*\(|\.listen\s*\(|\bserveHandler\s*\(/g,
  );
  if (listens !== null && (server !== null || findFirst(sources, /\bHttpServer\.bind/g) !== null)) {
    if (server !== null)
      evidence.push(place.evidence(`depends on ${server}`, 'pubspec.yaml', new RegExp(`^\\s+${server}\\s*:`)));
    evidence.push(evidenceAt(place, 'listens', listens), ...readPortEnv(place, sources, /\benvironment\s*\[\s*/g));
    return makeServer(place, about, {
      framework: server,
      commands,
      ports: readPorts(
        place,
        sources,
        /\benvironment\s*\[\s*'\s*'\s*\]\s*\?\?\s*/g,
        /\bport\s*[:=]\s*(?:int\.parse\(\s*)?/g,
        /\bHttpServer\.bind\s*\(\s*[\w.]+\s*,\s*/g,
        /\bserve\s*\([^,]{0,200},[^,]{0,200},\s*/g,
      ),
      paths: readRoutes(place, sources, /\.\.?get\s*\(\s*/g),
    });
  }
  const parser = Object.hasOwn(dependencies, 'args') ? findFirst(sources, /\bArgParser\b|\bCommandRunner\b/g) : null;
  return makeProgram(place, about, commands, {
    args:
      parser ?? findFirst(sources.slice(0, 1), /\b(?:args|arguments)\s*(?:\[|\.(?:first|isEmpty|length|join|single))/g),
    endless: findFirst(sources.slice(0, 1), /\bwhile\s*\(\s*true\s*\)|\bTimer\.periodic\b/g),
    help: parser !== null && sources.some(({ text }) => /CommandRunner|'help'/.test(text)),
  });
};
