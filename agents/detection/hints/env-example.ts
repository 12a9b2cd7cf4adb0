/** Example environment files: each variable with its default; an empty one is wanted from whoever runs it. */
import type { Hint } from '../contract.js';
import { findDsnNeed } from './local-urls.js';
import { isPlaceholder, isSecret } from './secrets.js';
import { type Source, type SourceFile, sayEnv, sayNeed, sayPort } from './source.js';

export const envExample: Source = {
  names:
    /^(?:\.env[\w.-]*\.(?:example|sample|template|dist|defaults?)|\.env[.-](?:example|sample|template|dist|defaults?)[\w.-]*|(?:example|sample|template)\.env|env\.(?:example|sample|template|dist)|\.env(?:example|sample))$/,
  depth: 1,
  read: (file) => readEnvFile(file, 0.7),
};

export interface EnvLine {
  name: string;
  value: string;
  /** From 1. */
  line: number;
  /** Written as a comment: known, but left to the application's own default. */
  commented: boolean;
  /** What is written beside or above it. */
  remark: string;
}

export function readEnvFile(file: SourceFile, weight: number): Hint[] {
  return splitEnv(file.text).flatMap(({ name, value, line, commented, remark }) => {
    const secret = isSecret(name, value);
    const filler = isPlaceholder(value, secret);
    const optional = commented || (/\boptional\b/i.test(remark) && !/\brequired\b/i.test(remark));
    const empty = value === '' || filler || /^\$\{?\w+\}?$/.test(value);
    const hints: Hint[] = [
      sayEnv(file, line, commented ? weight * 0.6 : weight, {
        name,
        required: empty && !optional,
        secret,
        default: empty || commented ? null : value,
      }),
    ];
    if (commented) return hints;
    if (/^(?:(?:APP|SERVER|HTTP|API|WEB|BACKEND)_)?PORT$/.test(name) && /^\d{2,5}$/.test(value))
      hints.push(sayPort(file, line, 0.6, Number(value)));
    const need = findDsnNeed(value) ?? needByName(name, value);
    if (need !== null) hints.push(sayNeed(file, line, 0.6, need));
    return hints;
  });
}

/** Laravel and others name the kind of database instead of giving a URL. */
function needByName(name: string, value: string): string | null {
  if (!/^(?:DB|DATABASE)_(?:CONNECTION|DRIVER|ENGINE|TYPE|CLIENT|DIALECT|ADAPTER)$/.test(name)) return null;
  const kind = /postg|pgsql|^pg$/i.test(value)
    ? 'postgres'
    : /mariadb/i.test(value)
      ? 'mariadb'
      : /mysql/i.test(value)
        ? 'mysql'
        : /mongo/i.test(value)
          ? 'mongodb'
          : null;
  return kind;
}

/** Lines of `NAME=value` as shells and dotenv libraries read them. Never throws. */
export function splitEnv(text: string): EnvLine[] {
  const lines = text.split(/\r?\n/);
  const found: EnvLine[] = [];
  let above = '';
  for (let index = 0; index < lines.length; index++) {
    const raw = lines[index]!;
    const hit = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(raw);
    const off = /^\s*#\s?(?:export\s+)?([A-Z][A-Z0-9_]*)=(\S*|"[^"]*"|'[^']*')\s*(?:#.*)?$/.exec(raw);
    if (hit === null && off === null) {
      above = /^\s*#/.test(raw) ? raw : '';
      continue;
    }
    const line = index + 1;
    let rest = (hit ?? off)![2]!.trim();
    const mark = rest[0];
    let value: string;
    let remark = above;
    if (mark === '"' || mark === "'" || mark === '`') {
      // A quoted value may go over lines; one that never ends is only its own line.
      let end = closing(rest, mark);
      const limit = Math.min(lines.length, index + 60);
      for (let next = index + 1; hit !== null && end < 0 && next < limit; next++) {
        const longer = `${rest}\n${lines[next]!}`;
        end = closing(longer, mark);
        rest = longer;
        if (end >= 0) index = next;
      }
      if (end < 0) rest = (hit ?? off)![2]!.trim();
      value = end < 0 ? rest.slice(1) : rest.slice(1, end);
      if (end >= 0) remark += rest.slice(end + 1);
    } else {
      const comment = /(?:^|\s)#(.*)$/.exec(rest);
      value = comment === null ? rest : rest.slice(0, comment.index).trim();
      remark += comment?.[1] ?? '';
    }
    found.push({ name: (hit ?? off)![1]!, value, line, commented: hit === null, remark });
    above = '';
  }
  return found;
}

function closing(text: string, mark: string): number {
  for (let index = 1; index < text.length; index++) {
    if (text[index] === '\\' && mark === '"') index++;
    else if (text[index] === mark) return index;
  }
  return -1;
}
