/**
 * recipe.json, as a proven run leaves it: what once brought a repository up. Found in a repository it is a claim of
 * whoever put it there, so it weighs less than the code itself: it fills gaps, and all of it is checked and proven anew.
 * What it says was proven (status, title, kind) is not read at all.
 */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { asTable, asText, asTexts } from '../values.js';
import { openJson } from './documents.js';
import { type Source, sayCommand, sayHealth, sayPort } from './source.js';

const WEIGHT = 0.6;

export const recipe: Source = {
  names: /^recipe\.json$/,
  depth: 0,
  read(file): Hint[] {
    // Other programs keep other things under this name: what is not ours is nobody's mistake.
    if (!/"format"\s*:\s*1\b/.test(file.text)) return [];
    const doc = openJson(file);
    const { format, start, install, build, path, port, proof } = asTable(doc?.value);
    const command = asText(start);
    if (doc === null || format !== 1 || command === null || !Array.isArray(install)) return [];
    const place = file.placeOf(posix.normalize(posix.join(posix.dirname(file.path), asText(path) ?? '.')));
    const hints = [sayCommand(file, doc.line('start'), WEIGHT, 'start', command, place)];
    for (const [role, steps] of [
      ['install', asTexts(install)],
      ['build', asTexts(build)],
    ] as const)
      if (steps.length > 0) hints.push(sayCommand(file, doc.line(role), WEIGHT, role, steps.join(' && '), place));
    if (typeof port === 'number') hints.push(sayPort(file, doc.line('port'), 0.4, port, place));
    const route = asText(asTable(proof).path);
    if (route !== null) hints.push(sayHealth(file, doc.line('proof', 'path'), 0.4, route, place));
    return hints;
  },
};
