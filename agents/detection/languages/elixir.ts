/** Elixir: a Mix project; Phoenix, a Plug with its server, an application that stays up, an escript, a library. */
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
import { ELIXIR, evidenceAt, findAll, findFirst, openSource, word } from './source.js';
import { toRange } from './versions.js';

const SERVERS = [
  [/\{\s*:phoenix\s*,/, 'phoenix'],
  [/\{\s*:bandit\s*,/, 'bandit'],
  [/\{\s*:plug_cowboy\s*,/, 'plug'],
  [/\{\s*:cowboy\s*,/, 'cowboy'],
] as const;

export const detectElixir: Detector = (place) => {
  const source = place.has('mix.exs') ? openSource(place, 'mix.exs', ELIXIR) : null;
  if (source === null || !/\buse\s+Mix\.Project\b/.test(source.code)) return null;
  // An umbrella only holds its applications; each is a place of its own, and all start together here.
  const umbrella = /\bapps_path:/.test(source.code);
  const name = /\bapp:\s*:(\w+)/.exec(source.code)?.[1] ?? null;
  if (name === null && !umbrella) return null;
  const evidence = [
    umbrella
      ? place.evidence('an umbrella of Mix applications', 'mix.exs', /\bapps_path:/)
      : place.evidence(`the Mix application ${name}`, 'mix.exs', /\bapp:\s*:/),
  ];
  const wanted = toRange(/\belixir:\s*"([^"]+)"/.exec(source.text)?.[1] ?? '');
  const depends = findFirst([source], /\{\s*:\w+\s*,\s*(?:"|git:|github:|path:|in_umbrella:)/g) !== null;
  const about: About = {
    ...(name === null ? {} : { name }),
    language: 'elixir',
    packageManager: 'mix',
    versions: wanted === null ? {} : { elixir: { want: wanted, from: place.from('mix.exs', /\belixir:\s*"/) } },
    writes: ['_build', 'deps'],
    evidence,
  };
  const install = depends
    ? ['mix local.hex --force --if-missing', 'mix local.rebar --force --if-missing', 'mix deps.get']
    : [];
  const code = openSources(place, /^(?:lib|apps|config)\/.*\.exs?$/, ELIXIR);
  const framework = findFramework(place, 'mix.exs', ELIXIR, SERVERS);
  const inside = umbrella
    ? place
        .files()
        .filter((file) => /^apps\/\w+\/mix\.exs$/.test(file))
        .flatMap((file) => findFramework(place, file, ELIXIR, SERVERS) ?? [])[0]
    : undefined;
  const stays = findFirst([source], /\bmod:\s*\{/g);
  const served = framework?.name === 'phoenix' ? framework : inside;
  if (served !== undefined) {
    evidence.push(served.evidence);
    // Production reads its port from config/runtime.exs; without that file only development is set up.
    const produces = place.has('config/runtime.exs');
    const mode = produces ? 'MIX_ENV=prod ' : '';
    if (produces) evidence.push(place.evidence('is set up for production when it starts', 'config/runtime.exs', /./));
    evidence.push(...readPortEnv(place, code, /\bSystem\.(?:get_env|fetch_env!)\s*\(\s*/g));
    const assets = place.evidence('builds its scripts and styles', 'mix.exs', /"?assets\.deploy"?\s*:/);
    if (assets.line !== null) evidence.push(assets);
    const routes = openSources(place, /router\.ex$/, ELIXIR);
    return makeServer(place, about, {
      framework: served.name,
      commands: {
        install,
        build: [`${mode}mix compile`, ...(assets.line === null ? [] : [`${mode}mix assets.deploy`])],
        start: `${mode}PHX_SERVER=true mix phx.server`,
      },
      ports: portsOf(place, code),
      paths: readRoutes(place, routes, /\b(?:get|live)\s*\(?\s*/g),
    });
  }
  const build = ['MIX_ENV=prod mix compile'];
  if (framework !== null && stays !== null) {
    evidence.push(
      framework.evidence,
      evidenceAt(place, 'starts its own processes', stays),
      ...readPortEnv(place, code, /\bSystem\.(?:get_env|fetch_env!)\s*\(\s*/g),
    );
    return makeServer(place, about, {
      framework: framework.name,
      commands: { install, build, start: 'MIX_ENV=prod mix run --no-halt' },
      ports: portsOf(place, code),
      paths: readRoutes(place, code, /^[ \t]*get\s*\(?\s*/gm),
    });
  }
  const script = findAll(source, /\bescript:\s*(?:\[|escript)/g)[0];
  if (script !== undefined && name !== null)
    return makeProgram(
      place,
      { ...about, writes: [...about.writes, name] },
      { install, build: ['MIX_ENV=prod mix escript.build'], start: `./${word(name)}` },
      { args: script, endless: null },
    );
  if (stays !== null)
    return makeProgram(
      place,
      about,
      { install, build, start: 'MIX_ENV=prod mix run --no-halt' },
      { args: null, endless: stays },
    );
  return makeLibrary(
    place,
    about,
    install,
    ['mix compile'],
    place.files().some((file) => /^(?:apps\/\w+\/)?test\/.*_test\.exs$/.test(file)) ? 'mix test' : null,
  );
};

/** Of the configuration the production's files count first; those of tests not at all. */
function portsOf(place: Place, code: ReturnType<typeof openSources>): Service['ports'] {
  const order = ({ file }: { file: string }): number => (/config\/(?:runtime|prod)\.exs$/.test(file) ? 0 : 1);
  const files = code.filter(({ file }) => !/config\/test\.exs$/.test(file)).sort((a, b) => order(a) - order(b));
  return readPorts(
    place,
    files,
    /\bport:\s*(?:String\.to_integer\(\s*)?/g,
    /\bSystem\.get_env\s*\(\s*"\s*"\s*(?:,|\)\s*\|\|)\s*/g,
  );
}
