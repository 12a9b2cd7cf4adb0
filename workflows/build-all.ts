/** `build-all`: installs and builds every service of a repository, one after another, and says which of them build. */
import type { Plan, Service } from '../agents/detection/contract.js';
import { emptyOverlay, type Overlay } from '../agents/fixer/contract.js';
import type { Scope, Step, Workflow } from '../runtime/workflow.js';
import { repoRun } from './repo-run.js';
import { wantsOf } from './repo-run-scope.js';
import { describe } from './repo-run-words.js';

const step = (id: string, change: Partial<Step> = {}): Step => {
  const { heal: _, ...plain } = repoRun.steps.find((one) => one.id === id)!;
  return { ...plain, ...change };
};
const within = (root: string, path: string): string => (path === '.' ? root : `${root}/${path}`);

export const buildService: Workflow = {
  name: 'build-service',
  version: 1,
  about: 'install and build the service that is its input; a part of build-all',
  steps: [
    step('toolchain', { needs: [] }),
    step('config', {
      needs: [],
      with: { service: '$service.name', root: '$input.root', path: '$service.path', env: '$service.env', given: {} },
    }),
    step('deps', { needs: ['toolchain'] }),
    step('build', { needs: ['deps', 'config'] }),
  ],
  output: { service: '$service.name', tools: '$toolchain.tools', built: '$build.commands' },
  scope: ({ run, bundle, job, input, results }): Scope => {
    const service = input.service as Service;
    return {
      run,
      bundle,
      job,
      input,
      overlay: emptyOverlay,
      service,
      cwd: within(String(input.root), service.path),
      wants: wantsOf(service, emptyOverlay),
      install: service.commands.install,
      buildCommands: service.commands.build,
      variables: {},
      ...results,
      envFile: results.config?.envFile,
    };
  },
  describe,
};

export const buildAll: Workflow = {
  name: 'build-all',
  version: 1,
  about: 'install and build every service of a repository, and say which of them build',
  steps: [
    step('fetch'),
    step('stack'),
    step('needs'),
    step('workspace'),
    {
      id: 'services',
      phase: 'setup',
      workflow: 'build-service',
      with: { service: '$item', root: '$workspace.root' },
      needs: ['workspace'],
      forEach: '$plan.services',
      // They may share a lock file and a package store.
      concurrency: 1,
      keepGoing: true,
    },
  ],
  output: { services: '$services.items' },
  scope: ({ run, bundle, job, input, results, overlay: raw }): Scope => {
    const overlay = raw as unknown as Overlay;
    const plan = results.needs?.plan as Plan | undefined;
    const writes = plan?.services.flatMap(({ path, writes: own }) => own.map((one) => within(path, one)));
    const from = (path: string): string => path.replace(/^\.\//, '');
    return {
      run,
      bundle,
      job,
      input,
      overlay,
      plan,
      writes: writes?.map(from),
      copy: Boolean(job.copy),
      files: [],
      ...results,
    };
  },
  describe: (id, scope) =>
    id === 'services'
      ? (scope.services as { items: { service: string }[] }).items.map(({ service }) => service).join(', ') ||
        'nothing to build'
      : describe(id, scope),
};
