/** README: what its shell blocks do and which local addresses it names. The weakest source: it may be years old. */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { portIn, roleOf } from './commands.js';
import { findLocalUrls } from './local-urls.js';
import { type Source, type SourceFile, sayCommand, sayHealth, sayPort } from './source.js';

const shells = /^(?:ba|z|fi)?sh$|^(?:shell|console|terminal|shell-session|cmd|powershell|sh-session|text|)$/i;

export const readme: Source = {
  names: /^readme(?:\.(?:md|markdown|mdx|rst|txt))?$/i,
  depth: 0,
  read(file): Hint[] {
    const hints: Hint[] = [];
    const lines = file.text.split(/\r?\n/);
    let fence: string | null = null;
    let isShell = false;
    let place = file.place;
    for (const [index, text] of lines.entries()) {
      const line = index + 1;
      const mark = /^\s{0,8}(`{3,}|~{3,})\s*\{?\.?([\w-]*)/.exec(text);
      if (mark !== null && (fence === null || mark[1]!.startsWith(fence))) {
        isShell = fence === null && shells.test(mark[2]!);
        fence = fence === null ? mark[1]! : null;
        place = file.place;
        continue;
      }
      if (text.length > 1_000) continue;
      if (isShell) {
        for (const part of text.replace(/^\s*(?:[$>%#]|\w*@?\w*[$#])\s+/, '').split(/\s+&&\s+/)) {
          const command = part.replace(/\s+#.*$/, '').trim();
          const folder = /^cd\s+([\w./-]+)$/.exec(command)?.[1];
          if (folder !== undefined) place = enter(file, place, folder);
          const role = /<[^>]+>|\[\w[^\]]*\]/.test(command) ? null : roleOf(command);
          if (role === null) continue;
          hints.push(sayCommand(file, line, role === 'test' ? 0.15 : 0.2, role, command, place));
          const port = role === 'start' ? portIn(command) : null;
          if (port !== null) hints.push(sayPort(file, line, 0.2, port, place));
        }
      }
      const isCurl = /\b(?:curl|http|wget|xh)\b\s/.test(text);
      for (const { port, route } of findLocalUrls(text)) {
        if (port !== null) hints.push(sayPort(file, line, isCurl ? 0.25 : 0.2, port, place));
        // Only what a plain request answers: a POST or a body proves nothing by being fetched.
        if (route !== null && route !== '/' && !/\s-(?:X|d|F)\b|--data|--request/.test(text))
          hints.push(sayHealth(file, line, isCurl ? 0.25 : 0.15, route, place));
      }
    }
    return hints;
  },
};

/** `cd x` where x is a folder here; the name of the clone itself, or nothing known, changes nothing. */
function enter(file: SourceFile, place: string, folder: string): string {
  const full = posix.normalize(posix.join(place, folder)).replace(/\/$/, '');
  if (full === '.' || full.startsWith('..')) return file.place;
  return file.placeOf(full) === full ? full : place;
}
