/**
 * The rules in the order in which they are asked: the first that knows the failure and has something new to offer
 * answers. What cannot be mended because the world refuses comes first; then the most particular text; what is missing
 * as a whole, and choices below what was asked for, come last.
 */
import { config } from './config.js';
import { data, dataVerdicts } from './data.js';
import { files } from './files.js';
import { later } from './later.js';
import { nodeInstall } from './node-install.js';
import { nodeManagers } from './node-managers.js';
import { nodeModules } from './node-modules.js';
import { nodeRun } from './node-run.js';
import { nodeTools } from './node-tools.js';
import { offline } from './offline.js';
import { otherLanguages } from './other-languages.js';
import { ports } from './ports.js';
import { python } from './python.js';
import { pythonInstall } from './python-install.js';
import { pythonOffline } from './python-offline.js';
import { pythonRun } from './python-run.js';
import type { Rule } from './rule.js';
import { programRepairs, systemRepairs, systemVerdicts } from './system.js';
import { lastResort, missingThings, outOfReach } from './verdicts.js';

export const rules: readonly Rule[] = [
  ...later,
  ...pythonOffline,
  ...nodeManagers,
  ...pythonInstall,
  ...nodeTools,
  ...systemRepairs,
  ...systemVerdicts,
  ...offline,
  ...outOfReach,
  ...nodeInstall,
  ...otherLanguages,
  ...python,
  ...pythonRun,
  ...nodeRun,
  ...nodeModules,
  ...ports,
  ...config,
  ...files,
  ...data,
  ...dataVerdicts,
  ...programRepairs,
  ...missingThings,
  ...lastResort,
];
