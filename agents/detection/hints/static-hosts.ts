/** vercel.json and netlify.toml: how the pages are built. What serves them is the host's own and no hint. */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { asTable, asText } from '../values.js';
import { openJson, openToml } from './documents.js';
import { type Source, sayCommand, sayEnv, sayPort, sayVersion } from './source.js';

export const vercel: Source = {
  names: /^vercel\.json$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openJson(file);
    if (doc === null) return [];
    const table = asTable(doc.value);
    const hints: Hint[] = [];
    for (const [key, role, weight] of [
      ['installCommand', 'install', 0.6],
      ['buildCommand', 'build', 0.6],
      ['devCommand', 'start', 0.4],
    ] as const) {
      const command = asText(table[key]);
      if (command !== null) hints.push(sayCommand(file, doc.line(key), weight, role, command));
    }
    return hints;
  },
};

export const netlify: Source = {
  names: /^netlify\.toml$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openToml(file);
    if (doc === null) return [];
    const { build, dev } = asTable(doc.value);
    const base = posix
      .normalize(posix.join(posix.dirname(file.path), asText(asTable(build).base) ?? '.'))
      .replace(/\/$/, '');
    const place = base.startsWith('..') ? file.place : file.placeOf(base);
    const hints: Hint[] = [];
    const command = asText(asTable(build).command);
    if (command !== null) hints.push(sayCommand(file, doc.line('build', 'command'), 0.6, 'build', command, place));
    for (const [name, raw] of Object.entries(asTable(asTable(build).environment))) {
      const line = doc.line('environment', name);
      const value = String(raw);
      const tool = /^(NODE|PYTHON|RUBY|GO|BUN)_VERSION$/.exec(name)?.[1]?.toLowerCase();
      if (tool !== undefined) hints.push(sayVersion(file, line, 0.6, tool, value, place));
      else if (!/_VERSION$|_FLAGS$/.test(name))
        hints.push(sayEnv(file, line, 0.5, { name, required: false, default: value || null }, place));
    }
    const start = asText(asTable(dev).command);
    if (start !== null) hints.push(sayCommand(file, doc.line('dev', 'command'), 0.4, 'start', start, place));
    const port = asTable(dev).targetPort;
    if (typeof port === 'number') hints.push(sayPort(file, doc.line('dev', 'targetPort'), 0.4, port, place));
    return hints;
  },
};
