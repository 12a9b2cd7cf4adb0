/** What the steps of `repo-run` see: the chosen service with the run's overlay laid over it. Pure. */
import { portOfKind, type Started } from '../agents/database/contract.js';
import { kindsOf } from '../agents/database/wants.js';
import type { Plan, Service } from '../agents/detection/contract.js';
import { GENERATE, type Overlay } from '../agents/fixer/contract.js';
import type { RunView, Scope, Workflow } from '../runtime/workflow.js';

/** Frameworks whose root is a page for people: an empty or JSON answer there is no proof. */
const pages = new Set(['vite', 'cra', 'angular', 'vue-cli', 'gatsby', 'eleventy', 'astro', 'streamlit', 'gradio']);

/** The service that is run: the first chosen one. */
export const serviceOf = (plan: Plan | undefined): Service | undefined =>
  plan?.services.find(({ name }) => plan.chosen[0] === name);

const join = (root: string, path: string): string => (path === '.' ? root : `${root}/${path}`);

/** The tools that a service's commands call, with the versions it asks for. */
export function wantsOf(
  service: Service,
  overlay: Overlay,
  tests: string[] = [],
): { tool: string; want: string | null; from: string | null }[] {
  const said = service.claim ? [...service.claim.install, ...service.claim.build, service.claim.start] : [];
  const commands = [
    ...said,
    ...service.commands.install,
    ...service.commands.build,
    service.commands.start ?? '',
    ...tests,
  ].join('\n');
  const runtimes: Record<string, string[]> = {
    node: ['node'],
    deno: ['deno'],
    bun: ['bun'],
    python: ['python'],
    go: ['go'],
    php: ['php'],
    ruby: ['ruby'],
    rust: ['rust'],
    java: ['java'],
    kotlin: ['java'],
    dotnet: ['dotnet'],
    c: ['cc'],
    cpp: ['c++'],
    elixir: ['erlang', 'elixir'],
    gleam: [/--target javascript/.test(commands) ? 'node' : 'erlang', 'gleam'],
    swift: ['swift'],
    zig: ['zig'],
    crystal: ['crystal'],
    dart: service.packageManager === 'flutter' ? ['flutter'] : ['dart'],
    // Stack fetches the compiler its resolver names.
    haskell: service.packageManager === 'stack' ? [] : ['ghc'],
    scala: ['java'],
    clojure: ['java'],
    // It writes C and has a compiler of that make the program.
    cobol: ['cc', 'cobc'],
  };
  const managers: Record<string, string> = {
    pnpm: 'pnpm',
    yarn: 'yarn',
    bun: 'bun',
    uv: 'uv',
    poetry: 'poetry',
    pdm: 'pdm',
    pipenv: 'pipenv',
    composer: 'composer',
    bundler: 'bundler',
    maven: 'maven',
    gradle: 'gradle',
    cmake: 'cmake',
    meson: 'meson',
    make: 'make',
    cabal: 'cabal',
    stack: 'stack',
    sbt: 'sbt',
    'scala-cli': 'scala-cli',
    clojure: 'clojure',
    leiningen: 'leiningen',
  };
  const programs: Record<string, string> = { maven: 'mvn', bundler: 'bundle', leiningen: 'lein' };
  /** What a manager calls by itself. */
  const behind: Record<string, string> = { cmake: 'make', meson: 'ninja' };
  const manager = service.packageManager && managers[service.packageManager];
  // A wrapper in the repository (./mvnw, ./gradlew) brings its own.
  const own = /(^|[\s&;])\.?\/?(mvnw|gradlew)\b/m.test(commands);
  const called = manager && !own && new RegExp(`(^|[\\s&;/])(${programs[manager] ?? manager})\\b`, 'm').test(commands);
  const tools = [
    ...(runtimes[service.language] ?? []),
    ...(manager && called ? [manager, behind[manager] ?? manager] : []),
  ];
  return [...new Set(tools)].map((tool) => ({
    tool,
    want: overlay.versions[tool] ?? service.versions[tool]?.want ?? null,
    from: overlay.versions[tool] ? 'a fix of this run' : (service.versions[tool]?.from ?? null),
  }));
}

/** The service as its start has shown it: what was taken for a job and serves instead is proven and held as what it is. */
function asFound(service: Service, start: Record<string, unknown> | undefined): Service {
  const { sockets = [], exitCode = null } = (start ?? {}) as { sockets?: unknown[]; exitCode?: number | null };
  if (service.proof.how !== 'exit' || sockets.length === 0 || exitCode !== null) return service;
  return { ...service, kind: 'web-service', proof: { ...service.proof, how: 'http', command: null } };
}

/** Everything that the steps may name. Pure. */
export function scope({ run, bundle, job, input, results, overlay: raw, fixes = [] }: RunView): Scope {
  const overlay = raw as unknown as Overlay;
  const plan = results.needs?.plan as Plan | undefined;
  const planned = serviceOf(plan);
  const service = planned && asFound(planned, results.start);
  const root = results.workspace?.root as string | undefined;
  const base: Scope = { run, bundle, job, overlay, ...results };
  if (!service) return base;
  const proves =
    service.proof.how === 'exit' ? (service.proof.command ?? service.commands.start) : service.commands.start;
  // What a fix of the run adds to the plan.
  const { services: extra = [], hosts = {} } = overlay as {
    services?: { service: string; port: number | null; database?: string | null }[];
    hosts?: Record<string, string>;
  };
  const kinds = kindsOf(
    service,
    extra.map((one) => one.service),
  );
  const ports = ((results.ports?.items ?? []) as ({ port: number } | null)[]).filter((one) => one !== null);
  const services = results.services as Started | undefined;
  // They stand in the file with the addresses of what was started.
  const ofServices = services?.set ?? [];
  const claim = isClaimed(overlay) ? service.claim : undefined;
  const asked = input.test === true;
  const tests = asked ? service.tests : undefined;
  return {
    ...base,
    plan,
    // Absent: nobody asked for them, or there are none.
    tests,
    testsMissing: asked && !tests,
    service,
    // Whether a program ends or serves is told from its code, and may be wrong.
    until: service.kind === 'job' && service.proof.command === null ? 'either' : service.proof.how,
    cwd: root && join(root, service.path),
    log: logOf(bundle, service),
    wants: wantsOf(service, overlay, tests ? [...tests.install, tests.command] : []),
    writes: service.writes.map((path) => (service.path === '.' ? path : `${service.path}/${path}`)),
    // What tests write is not known before.
    copy: Boolean(job.copy) || overlay.copy || tests !== undefined,
    files: overlay.files.map(({ path, text }) => ({
      path: service.path === '.' ? path : `${service.path}/${path}`,
      text,
    })),
    // Those that the config agent makes up reach the application in its file.
    variables: Object.fromEntries(
      Object.entries(overlay.env).filter(([name, value]) => value !== GENERATE && !ofServices.includes(name)),
    ),
    envFile: services?.envFile ?? results.config?.envFile,
    reach: services?.services.map(({ host, port }) => `${host}:${port}`),
    served: services?.services.flatMap(({ kind, host, port }) =>
      // A run of an older version has none in its overlay.
      (overlay.served ?? []).flatMap((one) => (one.service === kind ? [{ at: one.port, to: `${host}:${port}` }] : [])),
    ),
    mended: fixes.flatMap(({ n, rule, actions, helped }) =>
      helped && root ? [{ n, rule, actions, service, work: root }] : [],
    ),
    // Tables are made only in what this run has brought up itself.
    // A database that is a file of the work itself is no less its own.
    fileDatabases: service.fileDatabases?.map(({ path }) => path),
    migrates:
      service.fileDatabases !== undefined ||
      services?.services.some(({ kind }) => kind === 'postgres' || kind === 'mysql'),
    serviceKinds: kinds.map((kind) => ({ kind, lease: `service:${kind}`, ports: [portOfKind[kind]] })),
    extraServices: extra.map(({ service: name, database = null }) => ({ service: name, database })),
    extraHosts: hosts,
    serviceWants: kinds.map((kind, n) => ({ kind, port: ports[n]?.port })),
    install: [
      ...(overlay.install ?? claim?.install ?? service.commands.install).map((line) =>
        // An environment keeps the Python it was made with: one from before the fix would be of no use.
        overlay.versions.python === undefined ? line : line.replace(/ -m venv (?!.*--clear)/, ' -m venv --clear '),
      ),
      ...overlay.extraInstall,
      ...(tests?.install ?? []),
    ],
    // Not `build`: that is the step's own result.
    buildCommands: [...(overlay.build ?? claim?.build ?? service.commands.build), ...(overlay.prepare ?? [])],
    startCommand: overlay.start ?? claim?.start ?? proves,
    // A run of an older version has none in its overlay.
    packages: overlay.packages ?? [],
    notPorts: overlay.notPorts,
    wantedPorts: [...(claim?.port ? [claim.port] : []), ...service.ports.map(({ number }) => number)],
    // Of one that was not known to be a server nobody knows what it speaks.
    rawTcp: service !== planned,
    wantsPage: service.kind === 'static-site' || (service.framework !== null && pages.has(service.framework)),
  };
}

/** Whether what a recipe of the repository claims is still what is tried. */
const isClaimed = ({ install, build, start }: Overlay): boolean => install === null && build === null && start === null;

/** A claim that does not hold is left before anything is mended: the commands of the plan take its place for good. Pure. */
export const leave: NonNullable<Workflow['leave']> = (step, scoped) => {
  const service = scoped.service as Service | undefined;
  const overlay = scoped.overlay as Overlay;
  if (!service?.claim || !isClaimed(overlay)) return null;
  const { install, build, start } = service.commands;
  const commands = { install, build, start: start === null ? [] : [start] };
  return {
    rule: 'claim-left',
    cause: `${service.claim.from} claims \`${service.claim.start}\`, and with it ${step} failed`,
    actions: Object.entries(commands).map(([role, list]) => ({ do: 'set-command', role, commands: list })),
    overlay: { ...overlay, install, build, start },
    from: 'toolchain',
  };
};

const logOf = (bundle: string, { name }: Service): string => `${bundle}/logs/${name.replaceAll('/', '-')}.log`;

/** A proof that failed has seen answers, no command: the application's own log says more. */
export const evidence: NonNullable<Workflow['evidence']> = (step, s, given) => {
  if (step !== 'prove') return given;
  const log = logOf(s.bundle as string, s.service as Service);
  const tail = String((given as { excerpt?: string } | null)?.excerpt ?? '');
  const logFrom = (s.start as { logAt?: number } | undefined)?.logAt ?? 0;
  return { command: String(s.startCommand), exitCode: null, signal: null, limit: null, tail, log, logFrom };
};
