/** devcontainer.json: the runtime of the development image, its ports, variables and the commands that prepare it. */
import type { Hint } from '../contract.js';
import { asList, asTable, asText, asTexts } from '../values.js';
import { joinArgv, roleOf } from './commands.js';
import { openJson } from './documents.js';
import { runtimeOf } from './images.js';
import { type Source, sayCommand, sayEnv, sayPort, sayVersion } from './source.js';

export const devcontainer: Source = {
  names: /^\.?devcontainer\.json$/,
  depth: 2,
  read(file): Hint[] {
    const doc = openJson(file, true);
    if (doc === null) return [];
    const table = asTable(doc.value);
    const hints: Hint[] = [];
    const runtime = runtimeOf(asText(table.image) ?? '');
    if (runtime !== null) hints.push(sayVersion(file, doc.line('image'), 0.4, runtime.tool, runtime.want));
    for (const [name, raw] of Object.entries(asTable(table.features))) {
      const tool = /\/features\/(node|python|go|ruby|php|rust|java|dotnet|deno|bun)(?::|$)/.exec(name)?.[1];
      const want = String(asTable(raw).version ?? '');
      if (tool !== undefined && /^\d/.test(want))
        hints.push(sayVersion(file, doc.line('features', name), 0.4, tool, want));
    }
    for (const raw of asList(table.forwardPorts)) {
      // `db:5432` forwards another container's port.
      const number = typeof raw === 'number' ? raw : /^(?:localhost:)?(\d+)$/.exec(String(raw))?.[1];
      if (number !== undefined) hints.push(sayPort(file, doc.line('forwardPorts'), 0.35, Number(number)));
    }
    for (const key of [
      'onCreateCommand',
      'updateContentCommand',
      'postCreateCommand',
      'postStartCommand',
      'postAttachCommand',
    ]) {
      const raw = table[key];
      const commands = Array.isArray(raw)
        ? [joinArgv(asTexts(raw))]
        : typeof raw === 'string'
          ? [raw]
          : Object.values(asTable(raw)).map((each) =>
              Array.isArray(each) ? joinArgv(asTexts(each)) : (asText(each) ?? ''),
            );
      for (const command of commands) {
        const role = roleOf(command) ?? (/Create|Content/.test(key) ? 'install' : null);
        if (role !== null && command !== '') hints.push(sayCommand(file, doc.line(key), 0.35, role, command));
      }
    }
    for (const key of ['containerEnv', 'remoteEnv'])
      for (const [name, raw] of Object.entries(asTable(table[key]))) {
        const value = asText(raw);
        const usable = value !== null && !value.includes('${') && !value.startsWith('/');
        hints.push(sayEnv(file, doc.line(key, name), 0.45, { name, required: false, default: usable ? value : null }));
      }
    return hints;
  },
};
