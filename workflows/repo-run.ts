/** `repo-run`: detect → setup → run → prove, with the fixer behind every step that can fail for a cause of the repository. */
import type { Plan } from '../agents/detection/contract.js';
import type { Step, Workflow } from '../runtime/workflow.js';
import { recipeOf, scriptOf } from './recipe.js';
import { evidence, scope } from './repo-run-scope.js';
import { describe, judge } from './repo-run-words.js';

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
    heal: true,
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
    heal: true,
  },
  {
    id: 'build',
    phase: 'setup',
    to: 'setup',
    command: 'setup.build',
    with: {
      service: '$service.name',
      cwd: '$cwd',
      commands: '$buildCommands',
      tools: '$toolchain.tools',
      envFile: '$config.envFile',
      env: '$variables',
    },
    needs: ['deps', 'config'],
    when: 'buildCommands',
    good: ['setup.built'],
    timeoutMs: 40 * MINUTE,
    heal: true,
  },
  {
    id: 'port',
    phase: 'run',
    to: 'port-manager',
    command: 'port.lease',
    with: { run: '$run', service: '$service.name', wanted: '$wantedPorts', not: '$notPorts' },
    needs: ['needs'],
    good: ['port.leased'],
    timeoutMs: MINUTE,
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
      env: '$variables',
      port: '$port.port',
    },
    needs: ['build', 'port'],
    good: ['runner.started'],
    timeoutMs: 30 * MINUTE,
    heal: true,
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
    heal: true,
  },
];

const files: NonNullable<Workflow['files']> = (step, scoped) => {
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
  evidence,
  name: 'repo-run',
  version: 1,
  steps,
  agents: ['fixer'],
  scope,
  judge,
  describe,
  files,
};
