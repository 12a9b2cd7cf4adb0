/** Files that say outright which database is used: Prisma, Rails, Drizzle, Django, Spring. A file database needs nobody. */
import type { Hint } from '../contract.js';
import { findDsnNeed } from './local-urls.js';
import { type Source, type SourceFile, sayEnv, sayNeed, sayPort } from './source.js';

const kinds: readonly [RegExp, string][] = [
  [/postg|cockroach|^pg/, 'postgres'],
  [/maria/, 'mariadb'],
  [/mysql|trilogy/, 'mysql'],
  [/mongo/, 'mongodb'],
  [/sqlserver|mssql/, 'mssql'],
];
const kindOf = (word: string): string | null =>
  kinds.find(([pattern]) => pattern.test(word.toLowerCase()))?.[1] ?? null;

/** Every line that matches; its first group is the word that names the database. */
const named = (names: RegExp, depth: number, weight: number, pattern: RegExp): Source => ({
  names,
  depth,
  read: (file: SourceFile): Hint[] =>
    file.text.split('\n').flatMap((text, index) => {
      const need = kindOf(pattern.exec(text.slice(0, 400))?.[1] ?? '');
      return need === null ? [] : [sayNeed(file, index + 1, weight, need)];
    }),
});

export const prisma: Source = named(
  /^[\w-]+\.prisma$/,
  3,
  0.85,
  /^\s*provider\s*=\s*"(postgresql|postgres|mysql|mongodb|sqlserver|cockroachdb)"/,
);
export const railsDatabase: Source = named(/^database\.yml$/, 1, 0.8, /^\s*adapter:\s*["']?(\w+)/);
export const drizzle: Source = named(/^drizzle\.config\.[cm]?[jt]s$/, 1, 0.8, /\bdialect:\s*["'](\w+)["']/);
export const djangoDatabase: Source = named(
  /^(?:settings|base|local|dev|development|production|prod)\.py$/,
  3,
  0.7,
  /["']ENGINE["']\s*:\s*["'](?:django\.db\.backends|django\.contrib\.gis\.db\.backends|mysql\.connector)\.(postgresql|postgis|mysql|django)/,
);

export const spring: Source = {
  names: /^application(?:-[\w-]+)?\.(?:properties|ya?ml)$/,
  depth: 4,
  read(file): Hint[] {
    const scale = /application-/.test(file.path) ? 0.6 : 1;
    return file.text.split('\n').flatMap((raw, index) => {
      const text = raw.slice(0, 400);
      if (/^\s*#/.test(text)) return [];
      const line = index + 1;
      const hints: Hint[] = [];
      const need = findDsnNeed(text);
      if (need !== null) hints.push(sayNeed(file, line, 0.7 * scale, need));
      for (const [, name, fallback] of text.matchAll(/\$\{([A-Z][A-Z0-9_]*)(?::([^}]*))?\}/g))
        hints.push(
          sayEnv(file, line, 0.7 * scale, { name: name!, required: fallback === undefined, default: fallback || null }),
        );
      const port = /^\s*server\.port\s*[=:]\s*(?:\$\{\w+:)?(\d{2,5})/.exec(text)?.[1];
      if (port !== undefined) hints.push(sayPort(file, line, 0.75 * scale, Number(port)));
      return hints;
    });
  },
};
