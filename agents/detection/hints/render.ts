/** render.yaml: services with their folder, commands, variables and health path; databases and key-value stores. */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { asList, asTable, asText } from '../values.js';
import { portIn } from './commands.js';
import { openYaml } from './documents.js';
import { runtimeOf } from './images.js';
import { type Source, sayCommand, sayEnv, sayHealth, sayNeed, sayPort, sayVersion } from './source.js';

export const render: Source = {
  names: /^render\.ya?ml$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openYaml(file);
    if (doc === null) return [];
    const table = asTable(doc.value);
    const hints: Hint[] = [];
    const places: string[] = [];
    for (const [index, raw] of asList(table.services).entries()) {
      const service = asTable(raw);
      const at = (...way: (string | number)[]) => doc.line('services', index, ...way);
      const type = asText(service.type) ?? 'web';
      if (type === 'redis' || type === 'keyvalue') {
        hints.push(sayNeed(file, at(), 0.8, 'redis'));
        continue;
      }
      const folder = posix.normalize(posix.join(posix.dirname(file.path), asText(service.rootDir) ?? '.'));
      const place = folder.startsWith('..') ? file.place : file.placeOf(folder.replace(/\/$/, ''));
      places.push(place);
      const commands = [
        ['buildCommand', 'build'],
        ['startCommand', type === 'worker' ? 'worker' : 'start'],
        ['dockerCommand', type === 'worker' ? 'worker' : 'start'],
        ['preDeployCommand', 'release'],
      ] as const;
      for (const [key, role] of commands) {
        const command = asText(service[key]);
        if (command === null) continue;
        hints.push(sayCommand(file, at(key), 0.8, role, command, place));
        const port = role === 'start' ? portIn(command) : null;
        if (port !== null) hints.push(sayPort(file, at(key), 0.7, port, place));
      }
      const route = asText(service.healthCheckPath);
      if (route !== null) hints.push(sayHealth(file, at('healthCheckPath'), 0.85, route, place));
      const runtime = runtimeOf(asText(asTable(service.image).url) ?? '');
      if (runtime !== null) hints.push(sayVersion(file, at('image'), 0.4, runtime.tool, runtime.want, place));
      for (const [row, each] of asList(service.envVars).entries()) {
        const variable = asTable(each);
        const name = asText(variable.key);
        if (name === null) continue;
        const line = at('envVars', row);
        const value = variable.value === undefined || variable.value === null ? null : String(variable.value);
        const tool = /^(NODE|PYTHON|RUBY|GO|BUN|RUST|ELIXIR)_VERSION$/.exec(name)?.[1]?.toLowerCase();
        if (tool !== undefined && value !== null) {
          hints.push(sayVersion(file, line, 0.6, tool, value, place));
          continue;
        }
        // Without a value: generated, taken from a database or another service, or asked for (`sync: false`).
        hints.push(
          sayEnv(
            file,
            line,
            0.7,
            {
              name,
              required: value === null,
              default: value,
              ...(variable.generateValue === true ? { secret: true } : {}),
            },
            place,
          ),
        );
        if (name === 'PORT' && value !== null) hints.push(sayPort(file, line, 0.7, Number(value), place));
      }
    }
    for (const index of asList(table.databases).keys())
      for (const place of new Set(places.length > 0 ? places : [file.place]))
        hints.push(sayNeed(file, doc.line('databases', index), 0.8, 'postgres', place));
    return hints;
  },
};
