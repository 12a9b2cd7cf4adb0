/** Scala: the project of a build.sbt (Play, or a server of its own), or files that scala-cli runs. */
import type { Service } from '../contract.js';
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
import { blank, evidenceAt, findFirst, GRADLE, JAVA, word } from './source.js';

const SERVERS = [
  [/"(?:http4s-[\w-]*server|http4s-ember-server|http4s-blaze-server)"/, 'http4s'],
  [/"(?:akka-http)"/, 'akka-http'],
  [/"(?:pekko-http)"/, 'pekko-http'],
  [/"zio-http"/, 'zio-http'],
  [/"cask"/, 'cask'],
  [/"scalatra(?:-\w+)?"/, 'scalatra'],
  [/"finatra-http-server"|"finch[\w-]*"/, 'finagle'],
] as const;
const PLAY = /"(?:org\.playframework|com\.typesafe\.play)"\s*%\s*"sbt-plugin"/;
const PACKAGER = /"sbt-native-packager"/;

export const detectScala: Detector = (place) => {
  const text = place.has('build.sbt') ? place.read('build.sbt', 300_000) : null;
  if (text === null) return detectScript(place);
  const code = blank(text, GRADLE, 'comments');
  const name = /\bname\s*:=\s*"([^"]+)"/.exec(code)?.[1] ?? null;
  const plugins = place.names.includes('build.sbt')
    ? place.files().filter((file) => /^project\/[\w.-]+\.sbt$/.test(file))
    : [];
  const plugin = (pattern: RegExp) =>
    plugins.map((file) => place.evidence('', file, pattern)).find(({ line }) => line !== null) ?? null;
  const sbt = /^\s*sbt\.version\s*=\s*(\S+)/m.exec(place.read('project/build.properties') ?? '')?.[1];
  const evidence = [
    place.evidence(
      name === null ? 'an sbt project' : `the sbt project ${name}`,
      'build.sbt',
      name === null ? /\S/ : /\bname\s*:=/,
    ),
  ];
  const scala = place.evidence(
    `Scala ${/\bscalaVersion\s*:=\s*"([^"]+)"/.exec(code)?.[1] ?? ''}`,
    'build.sbt',
    /\bscalaVersion\s*:=/,
  );
  if (scala.line !== null) evidence.push(scala);
  const about: About = {
    ...(name === null ? {} : { name }),
    language: 'scala',
    packageManager: 'sbt',
    versions:
      sbt === undefined ? {} : { sbt: { want: sbt, from: place.from('project/build.properties', /sbt\.version/) } },
    writes: ['target', 'project/target', 'project/project'],
    evidence,
  };
  const program = (name ?? place.path.split('/').at(-1)!).toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const sources = openSources(
    place,
    /^(?:app|src\/main\/scala|modules\/\w+\/src\/main\/scala)\/.*\.scala$|^[^/]+\.scala$/,
    JAVA,
  );
  const play = plugin(PLAY);
  if (play !== null && /\benablePlugins\s*\([^)]*\bPlay(?:Scala|Java|Service)?\b/.test(code)) {
    evidence.push({ ...play, claim: 'uses Play' }, place.evidence('enables Play', 'build.sbt', /\benablePlugins\s*\(/));
    return makeServer(place, about, {
      framework: 'play',
      commands: {
        install: ['sbt --batch update'],
        build: ['sbt --batch stage'],
        start: `./target/universal/stage/bin/${word(program)} -Dhttp.address=127.0.0.1 -Dhttp.port=$PORT -Dpidfile.path=/dev/null`,
      },
      ports: [],
      env: playSecret(place),
      paths: routesOf(place),
    });
  }
  const framework = findFramework(place, 'build.sbt', GRADLE, SERVERS);
  const listens = findFirst(
    sources,
    /\b(?:EmberServerBuilder|BlazeServerBuilder|Http\(\)\.newServerAt|newServerAt|Server\.serve|cask\.Main(?:Routes)?|bindAndHandle|HttpServer\.create)\b/g,
  );
  const main = findFirst(
    sources,
    /\bextends\s+(?:App|IOApp(?:\.Simple)?|ZIOAppDefault|cask\.MainRoutes)\b|@main\b|\bdef\s+main\s*\(/g,
  );
  // A stage starts at once; sbt itself compiles, then runs within itself.
  const packager = plugin(PACKAGER);
  const staged = packager !== null && /\benablePlugins\s*\([^)]*\bJava(?:App|Server)Packaging\b/.test(code);
  if (staged) evidence.push({ ...packager, claim: 'packs itself with a start script' });
  const commands = {
    install: ['sbt --batch update'],
    build: [staged ? 'sbt --batch stage' : 'sbt --batch compile'],
    start: staged ? `./target/universal/stage/bin/${word(program)}` : 'sbt --batch run',
  };
  if (main !== null) evidence.push(evidenceAt(place, 'has a program', main));
  if (listens !== null && (framework !== null || /HttpServer/.test(listens.match[0]))) {
    if (framework !== null) evidence.push(framework.evidence);
    evidence.push(
      evidenceAt(place, 'listens', listens),
      ...readPortEnv(place, sources, /\bsys\.env(?:\.get(?:OrElse)?)?\s*\(\s*|\bgetenv\s*\(\s*/g),
    );
    return makeServer(place, about, {
      framework: framework?.name ?? null,
      commands,
      ports: readPorts(
        place,
        sources,
        /\bport"(?=\s)|\.?withPort\s*\(\s*(?:port)?|\bnewServerAt\s*\(\s*|\bport\b[^=\n]{0,30}=\s*(?:port)?|\bbindHttp\s*\(\s*|\bdefaultWithPort\s*\(\s*|\bnew\s+InetSocketAddress\s*\(\s*/g,
        /\bgetOrElse\s*\(\s*"\s*"\s*,\s*/g,
      ),
      paths: readRoutes(place, sources, /@cask\.get\s*\(\s*|\bpath\s*\(\s*/g),
    });
  }
  if (main === null)
    return makeLibrary(
      place,
      about,
      commands.install,
      ['sbt --batch compile'],
      place.files().some((file) => /src\/test\/scala\//.test(file)) ? 'sbt --batch test' : null,
    );
  const parser = findFirst(sources, /\b(?:OParser|scopt|CommandApp|mainargs)\b/g);
  return makeProgram(place, about, commands, {
    args: parser ?? findFirst(sources, /\bargs\s*(?:\(|\.(?:head|length|toList|headOption|isEmpty))/g),
    endless: findFirst(sources, /\bwhile\s*\(?\s*true\b/g),
  });
};

/** Play refuses to serve in production without a secret; its configuration names the variable that holds it. */
function playSecret(place: Place): Service['env'] {
  const line = /^\s*play\.http\.secret\.key\s*=\s*\$\{\?(\w+)\}/m.exec(place.read('conf/application.conf') ?? '');
  if (line === null) return [];
  return [
    {
      name: line[1]!,
      required: true,
      secret: true,
      default: null,
      from: place.from('conf/application.conf', line[0].trim()),
    },
  ];
}

function routesOf(place: Place): Service['proof']['paths'] {
  const lines = (place.read('conf/routes') ?? '').split('\n');
  return lines
    .flatMap((line, index) => {
      const path = /^GET\s+(\/[\w./-]*)\s/.exec(line)?.[1];
      return path === undefined ? [] : [{ path, from: `${place.full('conf/routes')}:${index + 1}` }];
    })
    .slice(0, 5);
}

/** Files whose first lines say how scala-cli runs them. */
function detectScript(place: Place): Service | null {
  const sources = place.names.some((name) => /\.(?:scala|sc)$/.test(name))
    ? openSources(place, /^[^/]+\.(?:scala|sc)$/, JAVA)
    : [];
  const using = sources.find(({ text }) => /^\/\/>\s*using\b/m.test(text));
  if (using === undefined || place.has('build.sc') || place.has('build.mill')) return null;
  const scala = /^\/\/>\s*using\s+scala\s+"?([\d.]+)/m.exec(using.text)?.[1];
  const about: About = {
    language: 'scala',
    packageManager: 'scala-cli',
    versions: {},
    writes: ['.scala-build', '.bsp'],
    evidence: [
      place.evidence(
        `says how scala-cli runs it${scala === undefined ? '' : `, with Scala ${scala}`}`,
        using.file,
        /^\/\/>\s*using\b/,
      ),
    ],
  };
  const commands = { install: [], build: ['scala-cli --power compile .'], start: 'scala-cli run .' };
  const listens = findFirst(
    sources,
    /\b(?:HttpServer\.create|cask\.Main(?:Routes)?|EmberServerBuilder|Server\.serve)\b/g,
  );
  if (listens === null)
    return makeProgram(place, about, commands, { args: findFirst(sources, /\bargs\s*(?:\(|\.)/g), endless: null });
  about.evidence.push(
    evidenceAt(place, 'listens', listens),
    ...readPortEnv(place, sources, /\bsys\.env(?:\.get(?:OrElse)?)?\s*\(\s*/g),
  );
  return makeServer(place, about, {
    framework: null,
    commands,
    ports: readPorts(
      place,
      sources,
      /\bport\b[^=\n]{0,30}=\s*|\bnew\s+InetSocketAddress\s*\(\s*/g,
      /\bgetOrElse\s*\(\s*"\s*"\s*,\s*/g,
    ),
    paths: [],
  });
}
