/** Ruby: Rails, Rack's config.ru, Sinatra scripts, gems. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import {
  citeAt,
  evidenceAt,
  type Found,
  findAll,
  findFirst,
  HASH,
  openSource,
  portIn,
  type Source,
  word,
} from './source.js';
import { toRange } from './versions.js';

/** The gems that are there when they suffice; else into the folder, which needs no rights. */
const INSTALL = 'bundle check || (bundle config set --local path vendor/bundle && bundle install)';
const CLIENTS: Readonly<Record<string, string>> = {
  pg: 'postgres',
  mysql2: 'mysql',
  trilogy: 'mysql',
  redis: 'redis',
  sidekiq: 'redis',
  mongoid: 'mongodb',
  mongo: 'mongodb',
  bunny: 'rabbitmq',
};

type Shared = Partial<Service> & { language: string; commands: Service['commands']; writes: string[] };

export const detectRuby: Detector = (place) => {
  const gemfile = place.has('Gemfile') ? openSource(place, 'Gemfile', HASH) : null;
  const spec = place.names.find((name) => name.endsWith('.gemspec')) ?? null;
  const rack = place.has('config.ru') ? openSource(place, 'config.ru', HASH) : null;
  const scripts = place.names.filter((name) => name.endsWith('.rb'));
  if (gemfile === null && spec === null && rack === null && scripts.length === 0) return null;
  const gems = readGems(gemfile);
  const bundle = gemfile !== null && (gems.size > 0 || spec !== null);
  const exec = bundle ? 'bundle exec ' : '';
  const install = bundle ? [INSTALL] : [];
  const clients = [...gems.values()].filter(({ name }) => Object.hasOwn(CLIENTS, name));
  const shared: Shared = {
    language: 'ruby',
    packageManager: gemfile === null ? null : 'bundler',
    versions: readVersions(place, gemfile),
    needs: [...new Set(clients.map(({ name }) => CLIENTS[name]!))],
    commands: { install, build: [], start: null },
    writes: bundle ? ['vendor/bundle', '.bundle', ...(place.has('Gemfile.lock') ? [] : ['Gemfile.lock'])] : [],
  };
  const evidence = clients.map((gem) => evidenceAt(place, `${gem.name} is a client of ${CLIENTS[gem.name]!}`, gem));
  const cite = (...names: string[]): void => {
    for (const name of names) {
      const gem = gems.get(name);
      if (gem !== undefined) evidence.push(evidenceAt(place, `${name} is in the Gemfile`, gem));
    }
  };
  const web = (framework: string | null, start: string, confidence: number, more: Partial<Service> = {}): Service =>
    makeService(place, {
      ...shared,
      kind: 'web-service',
      framework,
      commands: { install, build: [], start },
      confidence,
      evidence,
      ...more,
    });

  if (gems.has('rails') && place.has('config/application.rb')) {
    cite('rails');
    evidence.push(place.evidence('a Rails application', 'config/application.rb', /Rails::Application|require/));
    const health = place.from('config/routes.rb', /^[^#]*rails\/health#show/);
    const paths = /:\d+$/.test(health) ? [{ path: '/up', from: health }] : [];
    const rails = place.has('bin/rails') ? 'bin/rails' : 'bundle exec rails';
    return web('rails', `${rails} server -b 127.0.0.1 -p $PORT`, 0.95, {
      proof: { how: 'http', command: null, paths },
      writes: [...shared.writes, 'log', 'tmp'],
    });
  }
  if (rack !== null) {
    const [run] = findAll(rack, /^[ \t]*(?:run|map)\b/gm);
    evidence.push(
      run === undefined ? place.evidence('a Rack file', 'config.ru') : evidenceAt(place, 'what Rack runs', run),
    );
    cite('hanami', 'sinatra', 'roda', 'grape', 'puma', 'rackup');
    const framework = ['hanami', 'sinatra', 'roda', 'grape'].find((name) => gems.has(name)) ?? 'rack';
    const puma = gems.has('puma');
    return web(
      framework,
      puma ? `${exec}puma -b tcp://127.0.0.1:$PORT config.ru` : `${exec}rackup -o 127.0.0.1 -p $PORT`,
      0.9,
    );
  }
  const sources = scripts.flatMap((file) => openSource(place, file, HASH) ?? []);
  const sinatra = findSinatra(sources);
  if (sinatra !== null) {
    cite('sinatra');
    evidence.push(evidenceAt(place, 'a classic Sinatra application, which serves itself', sinatra));
    if (!gems.has('sinatra'))
      evidence.push(evidenceAt(place, 'sinatra is required but no Gemfile declares it', sinatra));
    const source = sources.find(({ file }) => file === sinatra.file)!;
    return web('sinatra', `${exec}ruby ${word(sinatra.file)} -o 127.0.0.1 -p $PORT`, gems.has('sinatra') ? 0.9 : 0.7, {
      ports: readPorts(place, source),
      proof: { how: 'http', command: null, paths: readRoutes(place, source) },
    });
  }
  return spec === null
    ? describeScript(place, sources, exec, shared, evidence)
    : describeGem(place, spec, shared, evidence);
};

type Gem = { name: string; file: string; line: number };
function readGems(gemfile: Source | null): Map<string, Gem> {
  const gems = new Map<string, Gem>();
  for (const { rest, line, file } of gemfile === null ? [] : findAll(gemfile, /^[ \t]*gem[ \t(]+/gm)) {
    const name = /^['"]([\w.-]+)['"]/.exec(rest)?.[1];
    if (name !== undefined && !gems.has(name)) gems.set(name, { name, file, line });
  }
  return gems;
}

function readVersions(place: Place, gemfile: Source | null): Service['versions'] {
  const pinned = /^\s*(?:ruby-)?(\d[\w.]*)/.exec(place.read('.ruby-version') ?? '')?.[1];
  const [declared] = gemfile === null ? [] : findAll(gemfile, /^[ \t]*ruby[ \t(]+/gm);
  const listed = /^(?:['"][^'"\n]+['"](?:\s*,\s*)?)+/.exec(declared?.rest ?? '')?.[0];
  const want = toRange(pinned ?? listed ?? '');
  if (want === null) return {};
  return { ruby: { want, from: pinned === undefined ? citeAt(place, declared!) : place.from('.ruby-version', /\d/) } };
}

/** `require 'sinatra'` makes a file serve itself; `sinatra/base` does not. */
function findSinatra(sources: readonly Source[]): Found | null {
  for (const source of sources)
    for (const found of findAll(source, /^[ \t]*require[ \t(]+/gm))
      if (/^['"]sinatra['"]/.test(found.rest)) return found;
  return null;
}

function readRoutes(place: Place, source: Source): Service['proof']['paths'] {
  const isHealth = ({ path }: { path: string }): number => Number(/health|ping/.test(path));
  return findAll(source, /^[ \t]*get[ \t(]+/gm)
    .flatMap((found) => {
      const path = /^['"](\/[\w./-]*)['"]/.exec(found.rest)?.[1];
      return path === undefined ? [] : [{ path, from: citeAt(place, found) }];
    })
    .sort((a, b) => isHealth(b) - isHealth(a))
    .slice(0, 5);
}

const PORT_PLACES =
  /\bset[ \t(]*:port\s*,\s*|\bPort:\s*|:Port\s*=>\s*|\bTCPServer\.(?:new|open)[ \t(]+|\bENV(?:\.fetch\(|\[)|\bport\s*=\s*/g;
function readPorts(place: Place, source: Source): Service['ports'] {
  const ports: Service['ports'] = [];
  for (const found of findAll(source, PORT_PLACES)) {
    const behind = /^['"](?:PORT|[\w.]*)['"][\s\]),|]*(.*)/.exec(found.rest);
    const isEnv = found.match[0].startsWith('ENV');
    const number =
      isEnv && !/^['"]PORT['"]/.test(found.rest) ? null : (portIn(found.rest) ?? portIn(behind?.[1] ?? ''));
    if (number !== null && !ports.some((port) => port.number === number))
      ports.push({ number, from: citeAt(place, found) });
  }
  return ports;
}

function describeScript(
  place: Place,
  sources: Source[],
  exec: string,
  shared: Shared,
  evidence: Evidence[],
): Service | null {
  const serving = findFirst(sources, /\b(?:WEBrick::HTTPServer\.new|TCPServer\.(?:new|open))\b/g);
  const named = ['main.rb', 'app.rb', 'server.rb', 'run.rb'];
  const source =
    sources.find(({ file }) => file === serving?.file) ??
    sources.find(({ file }) => named.includes(file)) ??
    (sources.length === 1 ? sources[0] : undefined);
  if (source === undefined) return null;
  const loop = serving === null ? findFirst([source], /\bloop\s+(?:do|\{)|\bwhile\s+true\b/g) : null;
  if (serving !== null) evidence.push(evidenceAt(place, 'opens a server of its own', serving));
  else if (loop !== null) evidence.push(evidenceAt(place, 'loops without end', loop));
  else evidence.push(place.evidence(`${source.file} is a script`, source.file, /./));
  return makeService(place, {
    ...shared,
    kind: serving !== null ? 'web-service' : loop === null ? 'job' : 'worker',
    commands: { ...shared.commands, start: `${exec}ruby ${word(source.file)}` },
    ports: serving === null ? [] : readPorts(place, source),
    proof: { how: serving !== null ? 'http' : loop === null ? 'exit' : 'log', command: null, paths: [] },
    confidence: serving !== null ? 0.75 : 0.4,
    evidence,
  });
}

function describeGem(place: Place, spec: string, shared: Shared, evidence: Evidence[]): Service {
  evidence.push(place.evidence('a gem', spec, /Gem::Specification/));
  const executable = place.files().find((file) => /^exe\/[^/]+$/.test(file));
  if (executable !== undefined) {
    const start = `bundle exec ruby -Ilib ${word(executable)}`;
    return makeService(place, {
      ...shared,
      kind: 'cli',
      commands: { ...shared.commands, start },
      proof: { how: 'exit', command: `${start} --help`, paths: [] },
      confidence: 0.8,
      evidence: [...evidence, place.evidence(`installs the command ${executable.slice(4)}`, executable, /./)],
    });
  }
  const specs = place.files().find((file) => /^spec\/.*_spec\.rb$/.test(file));
  const [task] = place.search(/TestTask|RSpec::Core::RakeTask/, ['Rakefile']);
  if (specs !== undefined) evidence.push(place.evidence('has specs', specs, /\b(describe|it)\b/));
  else if (task !== undefined) evidence.push({ claim: 'has a task that runs tests', file: task.file, line: task.line });
  const command = specs !== undefined ? 'bundle exec rspec' : task !== undefined ? 'bundle exec rake test' : null;
  return makeService(place, {
    ...shared,
    kind: 'library',
    proof: { how: 'exit', command, paths: [] },
    confidence: 0.8,
    evidence,
  });
}
