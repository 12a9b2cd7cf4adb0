/** railway.json and railway.toml: how it is built, started and checked. */
import type { Hint } from '../contract.js';
import { asTable, asText, asTexts } from '../values.js';
import { portIn } from './commands.js';
import { openJson, openToml } from './documents.js';
import { type Source, sayCommand, sayHealth, sayPort } from './source.js';

export const railway: Source = {
  names: /^railway\.(?:json|toml)$/,
  depth: 0,
  read(file): Hint[] {
    const doc = file.path.endsWith('.json') ? openJson(file) : openToml(file);
    if (doc === null) return [];
    const { build, deploy } = asTable(doc.value);
    const hints: Hint[] = [];
    const built = asText(asTable(build).buildCommand);
    if (built !== null) hints.push(sayCommand(file, doc.line('build', 'buildCommand'), 0.8, 'build', built));
    const start = asText(asTable(deploy).startCommand);
    if (start !== null) {
      hints.push(sayCommand(file, doc.line('deploy', 'startCommand'), 0.8, 'start', start));
      const port = portIn(start);
      if (port !== null) hints.push(sayPort(file, doc.line('deploy', 'startCommand'), 0.7, port));
    }
    const before = asTable(deploy).preDeployCommand;
    for (const command of typeof before === 'string' ? [before] : asTexts(before))
      hints.push(sayCommand(file, doc.line('deploy', 'preDeployCommand'), 0.75, 'release', command));
    const route = asText(asTable(deploy).healthcheckPath);
    if (route !== null) hints.push(sayHealth(file, doc.line('deploy', 'healthcheckPath'), 0.85, route));
    return hints;
  },
};
