/**
 * The rules in the order in which they are asked: the first that knows the failure and has something new to offer
 * answers. What cannot be mended because the world refuses comes first; then the most particular text; what is missing
 * as a whole, and choices below what was asked for, come last.
 */
import { config } from './config.js';
import { nodeInstall } from './node-install.js';
import { nodeModules } from './node-modules.js';
import { nodeRun } from './node-run.js';
import { offline } from './offline.js';
import { ports } from './ports.js';
import { python } from './python.js';
import { pythonOffline } from './python-offline.js';
import type { Rule } from './rule.js';
import { lastResort, missingThings, outOfReach } from './verdicts.js';

export const rules: readonly Rule[] = [
  ...pythonOffline,
  ...offline,
  ...outOfReach,
  ...nodeInstall,
  ...python,
  ...nodeRun,
  ...nodeModules,
  ...ports,
  ...config,
  ...missingThings,
  ...lastResort,
];
