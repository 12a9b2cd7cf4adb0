/** fly.toml: the internal port, its checks, variables, processes and the release command. */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { asList, asTable, asText } from '../values.js';
import { portIn } from './commands.js';
import { openToml } from './documents.js';
import { type Source, sayCommand, sayEnv, sayHealth, sayPort } from './source.js';

export const fly: Source = {
  names: /^fly(?:\.[\w-]+)?\.toml$/,
  depth: 1,
  read(file): Hint[] {
    const doc = openToml(file);
    if (doc === null) return [];
    const table = asTable(doc.value);
    const hints: Hint[] = [];
    const recipe = asText(asTable(table.build).dockerfile);
    if (recipe !== null) file.claim(posix.normalize(posix.join(posix.dirname(file.path), recipe)), file.place);
    const http = asTable(table.http_service);
    for (const [key, service] of [
      ['http_service', http],
      ...asList(table.services).map((each) => ['services', asTable(each)] as const),
    ] as const) {
      if (typeof service.internal_port === 'number')
        hints.push(sayPort(file, doc.line(key, 'internal_port'), 0.75, service.internal_port));
      for (const check of [...asList(service.checks), ...asList(service.http_checks)]) {
        const route = asText(asTable(check).path);
        if (route !== null) hints.push(sayHealth(file, doc.line(key, 'path'), 0.85, route));
      }
    }
    for (const [name, raw] of Object.entries(asTable(table.checks))) {
      const route = asText(asTable(raw).path);
      if (route !== null) hints.push(sayHealth(file, doc.line('checks', name, 'path'), 0.85, route));
    }
    for (const [name, raw] of Object.entries(asTable(table.env))) {
      const value = String(raw);
      if (name === 'PORT') hints.push(sayPort(file, doc.line('env', name), 0.7, Number(value)));
      const usable = value !== '' && !value.startsWith('/');
      hints.push(sayEnv(file, doc.line('env', name), 0.6, { name, required: false, default: usable ? value : null }));
    }
    for (const [name, raw] of Object.entries(asTable(table.processes))) {
      const command = asText(raw);
      if (command === null) continue;
      const role = /^(?:app|web)$/.test(name) ? 'start' : 'worker';
      hints.push(sayCommand(file, doc.line('processes', name), 0.75, role, command));
      const port = role === 'start' ? portIn(command) : null;
      if (port !== null) hints.push(sayPort(file, doc.line('processes', name), 0.7, port));
    }
    const release = asText(asTable(table.deploy).release_command);
    if (release !== null) hints.push(sayCommand(file, doc.line('deploy', 'release_command'), 0.75, 'release', release));
    return hints;
  },
};
