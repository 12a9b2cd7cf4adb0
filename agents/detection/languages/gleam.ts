/** Gleam: the package of a gleam.toml, for Erlang or JavaScript. */
import type { Detector } from '../place.js';
import { asTable, asText } from '../values.js';
import { type About, makeLibrary, makeProgram, makeServer, openSources, readPortEnv, readPorts } from './serving.js';
import { evidenceAt, findFirst, GLEAM } from './source.js';
import { toRange } from './versions.js';

const SERVERS = ['wisp', 'mist', 'elli', 'ewe', 'glen'];

export const detectGleam: Detector = (place) => {
  const table = place.has('gleam.toml') ? place.toml('gleam.toml') : null;
  const name = asText(table?.name);
  if (table === null || name === null) return null;
  const dependencies = asTable(table.dependencies);
  const wanted = toRange(asText(table.gleam) ?? '');
  const target = asText(table.target) ?? 'erlang';
  const option = target === 'javascript' ? ' --target javascript' : '';
  const evidence = [place.evidence(`the Gleam package ${name}`, 'gleam.toml', /^\s*name\s*=/)];
  if (table.target !== undefined)
    evidence.push(place.evidence(`compiles to ${target}`, 'gleam.toml', /^\s*target\s*=/));
  const about: About = {
    name,
    language: 'gleam',
    packageManager: 'gleam',
    versions: wanted === null ? {} : { gleam: { want: wanted, from: place.from('gleam.toml', /^\s*gleam\s*=/) } },
    writes: ['build', ...(place.has('manifest.toml') ? [] : ['manifest.toml'])],
    evidence,
  };
  const install = Object.keys(dependencies).length > 0 ? ['gleam deps download'] : [];
  const sources = openSources(place, /^src\/.*\.gleam$/, GLEAM);
  const main = findFirst(
    sources.filter(({ file }) => file === `src/${name}.gleam`),
    /^pub\s+fn\s+main\s*\(/gm,
  );
  const tested = place.files().some((file) => /^test\/.*\.gleam$/.test(file));
  if (main === null)
    return makeLibrary(place, about, install, [`gleam build${option}`], tested ? `gleam test${option}` : null);
  evidence.push(evidenceAt(place, 'its main function is run', main));
  const commands = { install, build: [`gleam build${option}`], start: `gleam run${option}` };
  const server = SERVERS.find((each) => Object.hasOwn(dependencies, each));
  if (server === undefined)
    return makeProgram(place, about, commands, {
      args: findFirst(sources, /\bargv\.load\b|\bglint\.run\b/g),
      endless: findFirst(sources, /\bprocess\.sleep_forever\b/g),
    });
  evidence.push(
    place.evidence(`depends on ${server}`, 'gleam.toml', new RegExp(`^\\s*${server}\\s*=`)),
    ...readPortEnv(place, sources, /\b(?:get|get_env)\s*\(\s*/g),
  );
  return makeServer(place, about, {
    framework: server,
    commands,
    ports: readPorts(place, sources, /\bport\s*\(\s*/g, /\bport\s*=\s*/g),
    paths: [],
  });
};
