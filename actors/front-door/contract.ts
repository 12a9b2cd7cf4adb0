/** The front door: what clients in any language may ask on `rr.api.<user>.<service>.<verb>`, and what they hear. */
import type { z } from 'zod';
import { adminVerbs } from './contract-admin.js';
import { checkpointVerbs } from './contract-checkpoints.js';
import { databaseVerbs } from './contract-databases.js';
import { fixVerbs } from './contract-fixes.js';
import { opsVerbs } from './contract-ops.js';
import { quarantineVerbs } from './contract-quarantine.js';
import { runVerbs } from './contract-runs.js';
import { workflowVerbs } from './contract-workflows.js';

/**
 * Every verb: its request and its response, checked both ways. One that is `repeatable` may be asked twice with the
 * effect of once, so a client asks again when no answer comes.
 */
export const verbs = {
  ...runVerbs,
  ...workflowVerbs,
  ...checkpointVerbs,
  ...adminVerbs,
  ...quarantineVerbs,
  ...fixVerbs,
  ...databaseVerbs,
  ...opsVerbs,
} as const;
export type Verb = keyof typeof verbs;
export type Request<V extends Verb> = z.output<(typeof verbs)[V]['request']>;
export type Response<V extends Verb> = z.output<(typeof verbs)[V]['response']>;
export const serviceName = 'repo-runner';
