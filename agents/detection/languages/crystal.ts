/** Crystal: the targets of a shard.yml. */
import type { Detector } from '../place.js';
import { asTable, asText } from '../values.js';
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
import { ELIXIR, evidenceAt, findFirst, word } from './source.js';
import { toRange } from './versions.js';

const SERVERS = ['kemal', 'lucky', 'amber', 'grip', 'athena', 'marten', 'spider-gazelle'];

export const detectCrystal: Detector = (place) => {
  const shard = place.has('shard.yml') ? place.yaml('shard.yml') : null;
  const name = asText(shard?.name);
  if (shard === null || name === null) return null;
  const wanted = toRange(asText(shard.crystal) ?? '');
  const locked = place.has('shard.lock');
  const evidence = [place.evidence(`the shard ${name}`, 'shard.yml', /^name\s*:/)];
  const about: About = {
    name,
    language: 'crystal',
    packageManager: 'shards',
    versions: wanted === null ? {} : { crystal: { want: wanted, from: place.from('shard.yml', /^crystal\s*:/) } },
    writes: ['bin', 'lib', ...(locked ? [] : ['shard.lock'])],
    evidence,
  };
  const dependencies = asTable(shard.dependencies);
  const install =
    Object.keys(dependencies).length > 0 ? [`shards install --production${locked ? ' --frozen' : ''}`] : [];
  const targets = Object.entries(asTable(shard.targets)).flatMap(([target, value]) => {
    const main = asText(asTable(value).main);
    return main !== null && place.has(main) ? [{ target, main }] : [];
  });
  const sources = openSources(place, /^src\/.*\.cr$/, ELIXIR);
  const server = SERVERS.find((each) => Object.hasOwn(dependencies, each)) ?? null;
  const listens = findFirst(sources, /\bHTTP::Server\.new\b|\bKemal\.run\b/g);
  const chosen = targets.find(({ target }) => /server|web|api|app/i.test(target)) ?? targets[0] ?? null;
  // Without targets a program is still what serves in the file named after the shard.
  const entry =
    chosen ?? (place.has(`src/${name}.cr`) && listens !== null ? { target: name, main: `src/${name}.cr` } : null);
  if (entry === null)
    return makeLibrary(place, about, install, [], place.folders.includes('spec') ? 'crystal spec' : null);
  evidence.push(
    place.evidence(
      `builds the program ${entry.target}`,
      chosen === null ? entry.main : 'shard.yml',
      chosen === null ? /./ : entry.main,
    ),
  );
  const run = `./bin/${word(entry.target)}`;
  const build =
    chosen === null
      ? [`mkdir -p bin && crystal build --release -o bin/${word(entry.target)} ${word(entry.main)}`]
      : [`shards build ${word(entry.target)} --release --production`];
  const commands = { install, build, start: run };
  if (server === null && listens === null)
    return makeProgram(place, about, commands, {
      args: findFirst(sources, /\bOptionParser\b|\bARGV\b/g),
      endless: findFirst(sources, /^\s*loop\s+do\b|\bsleep\s*$/gm),
      help: /--help/.test(sources.map(({ text }) => text).join('\n')),
    });
  if (server !== null)
    evidence.push(place.evidence(`depends on ${server}`, 'shard.yml', new RegExp(`^\\s+${server}\\s*:`)));
  if (listens !== null) evidence.push(evidenceAt(place, 'listens', listens));
  const environment = readPortEnv(place, sources, /\bENV(?:\.fetch\s*\(|\s*\[)\s*/g);
  evidence.push(...environment);
  return makeServer(place, about, {
    framework: server,
    // Kemal reads the options of its own command line.
    commands:
      server === 'kemal' && environment.length === 0
        ? { ...commands, start: `${run} --bind 127.0.0.1 --port $PORT` }
        : commands,
    ports: readPorts(
      place,
      sources,
      /\b(?:bind_tcp|listen)\s*\(?\s*/g,
      /\bport\s*[:=]\s*/g,
      /\bKemal\.run\s*\(?\s*/g,
      /\bENV\.fetch\s*\(\s*"\s*"\s*,\s*/g,
    ),
    paths: readRoutes(place, sources, /^\s*get\s+/gm),
  });
};
