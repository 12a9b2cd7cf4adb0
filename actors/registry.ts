/** Every kind of actor there is. The only file that imports every room. */
import { config } from '../agents/config/index.js';
import { dependency } from '../agents/dependency/index.js';
import { detection } from '../agents/detection/index.js';
import { envDetector } from '../agents/env-detector/index.js';
import { file } from '../agents/file/index.js';
import { fixer } from '../agents/fixer/index.js';
import { health } from '../agents/health/index.js';
import { requirements } from '../agents/requirements/index.js';
import { runner } from '../agents/runner/index.js';
import { setup } from '../agents/setup/index.js';
import { orchestratorManager } from '../managers/orchestrator/index.js';
import { portManager } from '../managers/port/index.js';
import { serviceManager } from '../managers/service/index.js';
import type { ActorDefinition } from '../runtime/actor.js';
import { admin } from './admin/index.js';
import { host } from './host/index.js';
import { orchestrator } from './orchestrator/index.js';
import { run } from './run/index.js';

const all = [
  admin,
  host,
  orchestrator,
  run,
  orchestratorManager,
  portManager,
  serviceManager,
  file,
  envDetector,
  detection,
  requirements,
  dependency,
  config,
  setup,
  runner,
  health,
  fixer,
];
export const definitions: Readonly<Record<string, ActorDefinition>> = Object.freeze(
  Object.fromEntries(all.map((def) => [def.kind, def])),
);
