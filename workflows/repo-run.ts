/** `repo-run`: detect → setup → run → prove, with the fixer behind every step that can fail for a cause of the repository. */
import type { Tool } from '../agents/dependency/contract.js';
import type { Plan, Service } from '../agents/detection/contract.js';
import type { Overlay } from '../agents/fixer/contract.js';
import { type ErrorRecord, fail } from '../runtime/errors.js';
import type { RunView, Scope, Step, Workflow } from '../runtime/workflow.js';
import { recipeOf, scriptOf } from './recipe.js';

const MINUTE = 60_000;

const steps: Step[] = [
  {
    id: 'fetch',
    phase: 'detect',
    to: 'file',
    command: 'file.fetch',
    with: { source: '$job.source', ref: '$job.ref' },
    needs: [],
    good: ['file.fetched'],
    timeoutMs: 11 * MINUTE,
    heals: false,
  },
  {
    id: 'environment',
    phase: 'detect',
    to: 'env-detector',
    command: 'env-detector.look',
    with: {},
    needs: [],
    good: ['env-detector.seen'],
    timeoutMs: MINUTE,
    heals: false,
    optional: true,
  },
  {
    id: 'stack',
    phase: 'detect',
    to: 'detection',
    command: 'detection.detect',
    with: { root: '$fetch.root', repository: '$job.source', service: '$job.service' },
    needs: ['fetch'],
    good: ['detection.detected'],
    timeoutMs: 2 * MINUTE,
    heals: false,
  },
  {
    id: 'needs',
    phase: 'detect',
    to: 'requirements',
    command: 'requirements.read',
    with: {
      repository: '$job.source',
      services: '$stack.services',
      chosen: '$stack.chosen',
      hints: '$stack.hints',
      notes: '$stack.notes',
    },
    needs: ['stack'],
    good: ['requirements.found'],
    timeoutMs: MINUTE,
    heals: false,
  },
  {
    id: 'workspace',
    phase: 'setup',
    to: 'file',
    command: 'file.prepare',
    with: { root: '$fetch.root', kind: '$fetch.kind', writes: '$writes', forceCopy: '$copy', files: '$files' },
    needs: ['needs'],
    good: ['file.prepared'],
    timeoutMs: 10 * MINUTE,
    heals: false,
  },
  {
    id: 'toolchain',
    phase: 'setup',
    to: 'dependency',
    command: 'dependency.equip',
    with: { wants: '$wants', relaxed: '$overlay.relaxed' },
    needs: ['needs'],
    good: ['dependency.equipped'],
    timeoutMs: 10 * MINUTE,
    heals: true,
  },
  {
    id: 'config',
    phase: 'setup',
    to: 'config',
    command: 'config.configure',
    with: {
      service: '$service.name',
      root: '$workspace.root',
      path: '$service.path',
      env: '$service.env',
      given: '$overlay.env',
    },
    needs: ['workspace'],
    good: ['config.configured'],
    timeoutMs: MINUTE,
    heals: false,
  },
  {
    id: 'deps',
    phase: 'setup',
    to: 'dependency',
    command: 'dependency.install',
    with: {
      service: '$service.name',
      cwd: '$cwd',
      commands: '$install',
      tools: '$toolchain.tools',
      env: '$overlay.env',
    },
    needs: ['workspace', 'toolchain'],
    when: 'install',
    good: ['dependency.installed'],
    timeoutMs: 40 * MINUTE,
    heals: true,
  },
  {
    id: 'build',
    phase: 'setup',
    to: 'setup',
    command: 'setup.build',
    with: {
      service: '$service.name',
      cwd: '$cwd',
      commands: '$build',
      tools: '$toolchain.tools',
      envFile: '$config.envFile',
      env: '$overlay.env',
    },
    needs: ['deps', 'config'],
    when: 'build',
    good: ['setup.built'],
    timeoutMs: 40 * MINUTE,
    heals: true,
  },
  {
    id: 'port',
    phase: 'run',
    to: 'port-manager',
    command: 'port.lease',
    with: { run: '$run', service: '$service.name', wanted: '$wantedPorts' },
    needs: ['needs'],
    good: ['port.leased'],
    timeoutMs: MINUTE,
    heals: false,
  },
  {
    id: 'start',
    phase: 'run',
    to: 'runner',
    command: 'runner.start',
    with: {
      service: '$service.name',
      cwd: '$cwd',
      command: '$startCommand',
      until: '$service.proof.how',
      tools: '$toolchain.tools',
      envFile: '$config.envFile',
      env: '$overlay.env',
      port: '$port.port',
    },
    needs: ['build', 'port'],
    good: ['runner.started'],
    timeoutMs: 30 * MINUTE,
    heals: true,
  },
  {
    id: 'prove',
    phase: 'prove',
    to: 'health',
    command: 'health.check',
    with: {
      service: '$service.name',
      how: '$service.proof.how',
      sockets: '$start.sockets',
      paths: '$service.proof.paths',
      wantsPage: '$wantsPage',
      pid: '$start.pid',
      started: { startTime: '$start.startTime' },
      exitCode: '$start.exitCode',
      lines: '$start.lines',
    },
    needs: ['start'],
    good: ['health.passed'],
    timeoutMs: 5 * MINUTE,
    heals: true,
  },
];

/** Frameworks whose root is a page for people: an empty or JSON answer there is no proof. */
const pages = new Set(['vite', 'cra', 'angular', 'vue-cli', 'gatsby', 'eleventy', 'astro', 'streamlit', 'gradio']);

/** The service that is run: the first chosen one. */
const serviceOf = (plan: Plan | undefined): Service | undefined =>
  plan?.services.find(({ name }) => plan.chosen[0] === name);

const join = (root: string, path: string): string => (path === '.' ? root : `${root}/${path}`);

/** The tools that a service's commands call, with the versions it asks for. */
export function wantsOf(
  service: Service,
  overlay: Overlay,
): { tool: string; want: string | null; from: string | null }[] {
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
  };
  const commands = [...service.commands.install, ...service.commands.build, service.commands.start ?? ''].join('\n');
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
  };
  const manager = service.packageManager && managers[service.packageManager];
  // A wrapper in the repository (./mvnw, ./gradlew) brings its own.
  const own = /(^|[\s&;])\.?\/?(mvnw|gradlew)\b/m.test(commands);
  const called =
    manager &&
    !own &&
    new RegExp(
      `(^|[\\s&;/])(${manager === 'maven' ? 'mvn' : manager === 'bundler' ? 'bundle' : manager})\\b`,
      'm',
    ).test(commands);
  const tools = [...(runtimes[service.language] ?? []), ...(manager && called ? [manager] : [])];
  return [...new Set(tools)].map((tool) => ({
    tool,
    want: overlay.versions[tool] ?? service.versions[tool]?.want ?? null,
    from: overlay.versions[tool] ? 'a fix of this run' : (service.versions[tool]?.from ?? null),
  }));
}

function scope({ run, job, results, overlay: raw }: RunView): Scope {
  const overlay = raw as unknown as Overlay;
  const plan = results.needs?.plan as Plan | undefined;
  const service = serviceOf(plan);
  const root = results.workspace?.root as string | undefined;
  const base: Scope = { run, job, overlay, ...results };
  if (!service) return base;
  const proves =
    service.proof.how === 'exit' ? (service.proof.command ?? service.commands.start) : service.commands.start;
  return {
    ...base,
    plan,
    service,
    cwd: root && join(root, service.path),
    wants: wantsOf(service, overlay),
    writes: service.writes.map((path) => (service.path === '.' ? path : `${service.path}/${path}`)),
    copy: Boolean(job.copy) || overlay.copy,
    files: overlay.files.map(({ path, text }) => ({
      path: service.path === '.' ? path : `${service.path}/${path}`,
      text,
    })),
    install: [...(overlay.install ?? service.commands.install), ...overlay.extraInstall],
    build: overlay.build ?? service.commands.build,
    startCommand: overlay.start ?? proves,
    wantedPorts: service.ports.map(({ number }) => number),
    wantsPage: service.kind === 'static-site' || (service.framework !== null && pages.has(service.framework)),
  };
}

const list = (items: string[]): string =>
  items.length < 2 ? (items[0] ?? 'nothing') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

function judge(step: string, scoped: Scope): ErrorRecord | null {
  if (step !== 'needs') return null;
  const plan = (scoped.needs as { plan: Plan }).plan;
  const service = serviceOf(plan);
  const reason = (words: string, fix: string): ErrorRecord => fail('NOT_RUNNABLE', { reason: words, fix }).toRecord();
  if (!service)
    return reason(
      `no known kind of application was found (${plan.notes[0] ?? 'no manifest, no entry file'})`,
      'rr plan shows what was looked at; a start.sh or a Procfile in the repository would say how it starts',
    );
  if (scoped.startCommand) return null;
  const what =
    { library: 'a library', cli: 'a command-line tool', notebook: 'a notebook', compose: 'a compose project' }[
      service.kind as string
    ] ?? `of kind ${service.kind}`;
  return reason(
    `${service.name} is ${what} and nothing in it can be started or tested`,
    'add a test script, an example that serves, or a start command (Procfile)',
  );
}

function describe(step: string, s: Scope): string {
  const get = <T>(name: string): T => s[name] as T;
  switch (step) {
    case 'fetch': {
      const { kind, commit, dirty } = get<{ kind: string; commit: string | null; dirty: boolean | null }>('fetch');
      return [
        { local: 'a local folder', clone: 'cloned', archive: 'unpacked' }[kind] ?? kind,
        commit && `at ${commit.slice(0, 7)}`,
        dirty && 'with uncommitted changes',
      ]
        .filter(Boolean)
        .join(', ');
    }
    case 'environment': {
      const { environment: e } = get<{
        environment: { os: string; arch: string; cores: number; memoryBytes: number; surroundings: { name: string }[] };
      }>('environment');
      return `${e.os} ${e.arch}, ${e.cores} cores, ${Math.round(e.memoryBytes / 2 ** 30)} GB${e.surroundings.length > 0 ? `, ${list(e.surroundings.map(({ name }) => name))}` : ''}`;
    }
    case 'stack': {
      const { services, chosen } = get<{ services: Service[]; chosen: string[] }>('stack');
      const one = services.find(({ name }) => name === chosen[0]);
      if (!one) return 'nothing known';
      const others = services.length > 1 ? `, one of ${services.length} services` : '';
      return `${one.name}: ${[one.language, one.framework, one.kind].filter(Boolean).join(', ')}${others} (${one.evidence[0]?.file ?? one.path})`;
    }
    case 'needs': {
      const service = serviceOf(get<{ plan: Plan }>('needs').plan);
      if (!service) return 'nothing to run';
      const versions = Object.entries(service.versions).map(([tool, { want }]) => `${tool} ${want}`);
      const parts = [...versions, service.packageManager ?? '', ...service.needs].filter(Boolean);
      return parts.length > 0 ? list(parts) : 'nothing special';
    }
    case 'workspace':
      return get<{ reason: string }>('workspace').reason;
    case 'toolchain':
      return list(
        get<{ tools: Tool[] }>('toolchain').tools.map(
          ({ tool, version, origin, degraded }) => `${tool} ${version} (${degraded ?? origin})`,
        ),
      );
    case 'config': {
      const { set, missing } = get<{ set: { origin: string }[]; missing: { name: string }[] }>('config');
      return (
        [
          set.length > 0 && `${set.length} variables set`,
          missing.length > 0 && `not given: ${list(missing.map(({ name }) => name))}`,
        ]
          .filter(Boolean)
          .join(', ') || 'no variables needed'
      );
    }
    case 'deps':
    case 'build':
      return list(get<{ commands: { command: string }[] }>(step).commands.map(({ command }) => command));
    case 'port':
      return `port ${get<{ port: number }>('port').port}`;
    case 'start': {
      const { command, sockets, exitCode } = get<{
        command: string;
        sockets: { host: string; port: number }[];
        exitCode: number | null;
      }>('start');
      return `${command}${sockets.length > 0 ? `, listens on ${list(sockets.map(({ port }) => String(port)))}` : exitCode === null ? ', is up' : `, ended with ${exitCode}`}`;
    }
    case 'prove': {
      const { proof } = get<{
        proof: { status: number | null; url: string | null; title: string | null; excerpt: string };
      }>('prove');
      return proof.url
        ? `${proof.url} answers ${proof.status}${proof.title ? ` “${proof.title}”` : ''}`
        : proof.excerpt.slice(0, 80) || 'ended as it should';
    }
    default:
      return '';
  }
}

const files: Workflow['files'] = (step, scoped) => {
  if (step === 'needs')
    return [{ path: 'plan.json', text: `${JSON.stringify((scoped.needs as { plan: Plan }).plan, null, 2)}\n` }];
  if (step !== 'prove') return [];
  const recipe = recipeOf(scoped);
  return [
    { path: 'recipe.json', text: `${JSON.stringify(recipe, null, 2)}\n` },
    { path: 'recipe.sh', text: scriptOf(recipe), executable: true },
  ];
};

export const repoRun: Workflow = {
  name: 'repo-run',
  version: 1,
  steps,
  agents: ['fixer'],
  scope,
  judge,
  describe,
  files,
};
