/** Every kind of actor there is. The only file that imports every room. */
import { config } from '../agents/config/index.js';
import { database } from '../agents/database/index.js';
import { dependency } from '../agents/dependency/index.js';
import { detection } from '../agents/detection/index.js';
import { envDetector } from '../agents/env-detector/index.js';
import { file } from '../agents/file/index.js';
import { fixer } from '../agents/fixer/index.js';
import { health } from '../agents/health/index.js';
import { monitor } from '../agents/monitor/index.js';
import { requirements } from '../agents/requirements/index.js';
import { runner } from '../agents/runner/index.js';
import { setup } from '../agents/setup/index.js';
import { tester } from '../agents/tester/index.js';
import { orchestratorManager } from '../managers/orchestrator/index.js';
import { portManager } from '../managers/port/index.js';
import { serviceManager } from '../managers/service/index.js';
import type { ActorDefinition } from '../runtime/actor.js';
import type { Workflows } from '../runtime/workflow.js';
import { ownWorkflows } from '../workflows/registry.js';
import { admin } from './admin/index.js';
import { host } from './host/index.js';
import { orchestratorBy } from './orchestrator/index.js';
import { runBy } from './run/index.js';

/** Those a workflow may ask. */
export const workers: readonly ActorDefinition[] = [
  orchestratorManager,
  portManager,
  serviceManager,
  file,
  envDetector,
  detection,
  requirements,
  dependency,
  config,
  database,
  setup,
  runner,
  health,
  monitor,
  tester,
  fixer,
];
/** By kind, with the workflows of a state folder. */
export const definitionsBy = (workflows: Workflows): Readonly<Record<string, ActorDefinition>> => {
  const all = [admin, host, orchestratorBy(workflows), runBy(workflows), ...workers];
  return Object.freeze(Object.fromEntries(all.map((def) => [def.kind, def])));
};
/** With our own workflows alone. */
export const definitions = definitionsBy(ownWorkflows);
