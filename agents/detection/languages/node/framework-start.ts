/** How a framework's application is built and served: by its own scripts where they mean production, else by its default. */
import type { Evidence, Service } from '../../contract.js';
import { asText, at } from '../../values.js';
import { type Framework, findConfig, type Served } from './frameworks.js';
import { isOutput, type Script } from './scripts.js';
import { type Known, type Start, scriptEvidence } from './start.js';

export interface FrameworkStart {
  start: Start;
  kind: Service['kind'];
  ports: Service['ports'];
  writes: string[];
  paths: Service['proof']['paths'];
  /** A program of the repository is started, not the framework's command line: its code names ports and pages. */
  custom: boolean;
  /** The framework only makes the pages that a server of the repository's own serves. */
  own: boolean;
}
const ORDER = ['start:prod', 'start:production', 'prod', 'serve:prod', 'start', 'serve', 'preview', 'server'];

export function chooseFrameworkStart(framework: Framework, known: Known): FrameworkStart | null {
  const { place, deps, manager } = known;
  const dep = framework.deps.find((name) => deps.has(name))!;
  const version =
    asText(at(place.json('package.json'), 'dependencies', dep)) ??
    asText(at(place.json('package.json'), 'devDependencies', dep)) ??
    '';
  const byDep = place.evidence(
    `${framework.name}: ${dep} ${version} is a dependency`,
    'package.json',
    `"${dep}"`,
    /"(?:devD|d)ependencies"/,
  );
  const served = framework.serve(place, deps);
  const claim: Evidence =
    served.at === null ? { ...byDep, claim: served.claim } : place.evidence(served.claim, ...served.at);

  const { script, same } = findScript(known, served);
  const start: Start = {
    command:
      script === null
        ? commandOf(known, served)
        : manager.run(script.name, same ? flagsFor(script, served) : undefined),
    entry: script?.entry ?? null,
    script,
    confidence: script === null ? 0.8 : 0.9,
    evidence: [
      byDep,
      ...(script === null ? [] : [scriptEvidence(place, script)]),
      ...(script !== null && !same ? [] : [claim]),
    ],
    build: findBuild(known, framework, script),
    node: null,
  };
  const own =
    script !== null &&
    !same &&
    /^(?:vite|parcel|create-react-app|vue-cli|angular|eleventy|gatsby)$/.test(framework.name);
  const from = place.from('package.json', `"${dep}"`, /"(?:devD|d)ependencies"/);
  const said = configPort(known, framework.name);
  const custom = script !== null && !same;
  const port = said ?? (served.port === null || custom ? null : { number: served.port, from });
  return {
    start,
    // With a server of its own, the code decides what ports and pages there are.
    kind: script !== null && !same ? 'web-service' : served.kind,
    ports: port === null || own ? [] : [port],
    writes: served.writes,
    paths: (served.paths ?? []).map((path) => ({ path, from: served.at === null ? from : place.from(...served.at) })),
    custom: custom || /^(?:nest|adonis)$/.test(framework.name),
    own,
  };
}

/** The first script that serves for production: the framework's own way (`same`), or a program of the repository. */
function findScript({ place, scripts, manager }: Known, served: Served): { script: Script | null; same: boolean } {
  for (const name of ORDER) {
    const script = scripts.get(name);
    if (script === undefined || script.develops || script.delegates) continue;
    if (served.matches.test(script.last)) return { script, same: true };
    if (script.entry === null) continue;
    // Yarn's Plug'n'Play and the like resolve only through the manager; a script does that by itself.
    if (place.has(script.entry) || isOutput(script.entry)) return { script, same: false };
    place.notes.push(
      `${place.from('package.json', `"${name}"`, '"scripts"')}: ${name} runs ${script.entry}, which does not exist; ${manager.name} would fail`,
    );
  }
  return { script: null, same: false };
}

const commandOf = ({ manager }: Known, { program, flags, direct }: Served): string => {
  const whole = flags === null ? program : `${program} ${flags}`;
  if (!direct) return manager.exec(whole);
  const file = /^node (\S+)$/.exec(program)?.[1];
  return file === undefined ? whole : manager.node(file);
};

/** A later flag wins over one the script already has; what honours PORT needs one only then. */
function flagsFor(script: Script, served: Served): string | undefined {
  if (!script.open) return undefined;
  if (served.flags !== null) return served.flags;
  return /^next start\b/.test(script.last) && /\s(?:-p|--port)\b/.test(script.text) ? '-p $PORT' : undefined;
}

function findBuild({ place, scripts, manager }: Known, framework: Framework, script: Script | null): string[] {
  if (script !== null && /\b(?:run build|yarn build|pnpm build)\b/.test(script.text)) return [];
  const before = script === null ? undefined : scripts.get(`pre${script.name}`);
  if (before !== undefined && /\bbuild\b/.test(before.text) && !manager.berry) return [];
  const build = framework.build;
  if (build === null) return [];
  const named = ['build:prod', 'build:production', 'build'].find(
    (name) => scripts.has(name) && !/^(?:docker|echo)\b/.test(scripts.get(name)!.last),
  );
  if (named !== undefined) return [manager.run(scripts.has('build') ? 'build' : named)];
  const program = build.split(' ')[0]!;
  const other = [...scripts.values()].find(
    ({ last, develops }) =>
      !develops && (last === build || last.startsWith(`${build} `) || (build === program && last.startsWith(program))),
  );
  if (other !== undefined) return [manager.run(other.name)];
  if (framework.name === 'parcel')
    return [manager.exec(`parcel build ${place.has('index.html') ? 'index.html' : 'src/index.html'}`)];
  if (framework.name === 'remix' && findConfig(place, 'vite') === null) return [manager.exec('remix build')];
  return [program === 'node' ? build : manager.exec(build === 'eleventy' ? '@11ty/eleventy' : build)];
}

/** A port that the bundler's configuration names. */
function configPort({ place }: Known, framework: string): Service['ports'][number] | null {
  const file = findConfig(place, framework) ?? findConfig(place, 'vite');
  const match = file === null ? null : /\bport\s*:\s*(\d{2,5})\b/.exec(place.read(file) ?? '');
  const number = Number(match?.[1] ?? 0);
  return file === null || number < 1 || number > 65_535 ? null : { number, from: place.from(file, /\bport\s*:\s*\d/) };
}
