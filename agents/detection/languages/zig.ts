/** Zig: what a build.zig installs, read as text. */
import type { Detector } from '../place.js';
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
import { blank, C, evidenceAt, findFirst, word } from './source.js';

const LISTENS =
  /\b(?:std\.)?http\.Server\b|\bhttpz\.Server\b|\bzap\.(?:HttpListener|Endpoint\.Listener)\b|\.listen\s*\(/g;
const SERVERS = ['httpz', 'zap', 'jetzig', 'tokamak'];

export const detectZig: Detector = (place) => {
  const text = place.has('build.zig') ? place.read('build.zig', 300_000) : null;
  if (text === null) return null;
  const code = blank(text, C, 'comments');
  const manifest = place.read('build.zig.zon') ?? '';
  const least = /\.minimum_zig_version\s*=\s*"([\d.]+)/.exec(manifest)?.[1];
  const programs = [...code.matchAll(/\.addExecutable\s*\(\s*\.\{[^}]{0,500}?\.name\s*=\s*"([^"]+)"/g)].map(
    ([, name]) => name!,
  );
  const evidence = [place.evidence('a Zig project', 'build.zig', /\bfn\s+build\s*\(/)];
  const about: About = {
    language: 'zig',
    packageManager: 'zig',
    versions:
      least === undefined
        ? {}
        : { zig: { want: `>=${least}`, from: place.from('build.zig.zon', /minimum_zig_version/) } },
    writes: ['zig-out', '.zig-cache', 'zig-cache'],
    evidence,
  };
  const install = /\.dependencies\s*=\s*\.\{\s*\.[@\w]/.test(manifest) ? ['zig build --fetch'] : [];
  const name = programs.find((program) => /server|api|web|app/i.test(program)) ?? programs[0];
  const tested = /\.step\s*\(\s*"test"/.test(code) ? 'zig build test' : null;
  if (name === undefined) {
    if (!/\.add(?:Static|Shared)?(?:Library|Module)\s*\(/.test(code)) return null;
    evidence.push(
      place.evidence('builds a library and no program', 'build.zig', /\.add(?:Static|Shared)?(?:Library|Module)\s*\(/),
    );
    return makeLibrary(place, about, install, ['zig build'], tested);
  }
  evidence.push(
    place.evidence(
      `builds the program ${name}`,
      'build.zig',
      new RegExp(`\\.name\\s*=\\s*"${name.replace(/\W/g, '\\$&')}"`),
    ),
  );
  const sources = openSources(place, /^(?:src\/.*|[^/]*)\.zig$/, C).filter(({ file }) => file !== 'build.zig');
  const commands = { install, build: ['zig build -Doptimize=ReleaseSafe'], start: `./zig-out/bin/${word(name)}` };
  const framework = SERVERS.find((each) => new RegExp(`\\.${each}\\s*=`).test(manifest)) ?? null;
  const listens = findFirst(sources, LISTENS);
  if (
    listens !== null &&
    (framework !== null || sources.some((source) => /\bhttp\.Server\b|HTTP\/1\.[01]/.test(source.text)))
  ) {
    if (framework !== null) evidence.push(place.evidence(`depends on ${framework}`, 'build.zig.zon', `.${framework}`));
    evidence.push(
      evidenceAt(place, 'listens', listens),
      ...readPortEnv(place, sources, /\b(?:getEnvVarOwned\s*\(\s*\w+\s*,|getenv\s*\()\s*/g),
    );
    return makeServer(place, about, {
      framework,
      commands,
      ports: readPorts(
        place,
        sources,
        /\.port\s*=\s*/g,
        /\bparseIp[46]?\s*\(\s*/g,
        /\b(?:const|var)\s+\w*port\w*(?:\s*:\s*\w+)?\s*=\s*/gi,
      ),
      paths: readRoutes(place, sources, /\.get\s*\(\s*/g),
    });
  }
  return makeProgram(place, about, commands, {
    args: findFirst(sources, /\bprocess\.args(?:Alloc|WithAllocator)?\b|\bclap\.parse\b/g),
    endless: findFirst(sources, /\bwhile\s*\(\s*true\s*\)/g),
  });
};
