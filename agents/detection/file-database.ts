/**
 * A database that is a file of the repository's own (SQLite), by the settings of its ORM. It needs no server, but somebody
 * has to make its tables, and it is something that the run writes. Pure, over the files of a place.
 */
import { posix } from 'node:path';
import type { Service } from './contract.js';
import type { Place } from './place.js';

/** Where an ORM's settings may say that it is SQLite. */
const SETTINGS =
  /^(?:(?:prisma\/)?schema\.prisma|knexfile\.[cm]?[jt]s|drizzle\.config\.(?:[cm]?[jt]s|json)|(?:config|src\/config)\/(?:config|database)\.(?:json|[cm]?js|ts|yml)|(?:src\/)?(?:db\/|database\/)?data-source\.[cm]?[jt]s|ormconfig\.(?:json|[cm]?[jt]s)|alembic\.ini|(?:[\w-]+\/)?settings(?:\/\w+)?\.py)$/;
const ENVIRONMENT = ['.env', '.env.local', '.env.example', '.env.sample', '.env.template', '.env.dist'];
const SAYS = /sqlite|libsql|\bturso\b/i;
/** A path that is written out, as it is or as a URL; an engine of Django's ends like one. */
const QUOTED =
  /["'`](?:file:(?:\/\/)?|sqlite3?:\/\/\/?)?((?:\.{0,2}\/)*(?!django\.)[\w@][\w./@-]*\.(?:db|sqlite3?))(?:\?[^"'`]*)?["'`]/g;
const PLAIN =
  /^[ \t]*(?:sqlalchemy\.url[ \t]*=[ \t]*sqlite:\/\/\/|database:[ \t]*)((?:\.\/)?\w[\w./-]*\.(?:db|sqlite3?))[ \t\r]*$/gm;
const VARIABLE =
  /^[ \t]*(?:export[ \t]+)?\w+[ \t]*=[ \t]*["']?(?:file:|sqlite3?:\/\/\/?)(?:\/\/)?((?:\.{0,2}\/)*\w[\w./-]*\.(?:db|sqlite3?))/gm;
const OTHERS = /^(?:test|spec|prod)/i;

/** @returns the files, from the place, each with where that is said; empty where it has none, or none that is written out. */
export function findFileDatabases(place: Place): NonNullable<Service['fileDatabases']> {
  const settings = place.files().filter((name) => SETTINGS.test(name) && SAYS.test(place.read(name) ?? ''));
  const found = new Map<string, string>();
  const take = (file: string, base: string, pattern: RegExp): void => {
    for (const [, said] of (place.read(file) ?? '').matchAll(pattern)) {
      const path = posix.normalize(posix.join(base, said!));
      if (!OTHERS.test(posix.basename(path)) && !found.has(path)) found.set(path, place.from(file, said!));
    }
  };
  for (const file of settings) {
    // Prisma looks from the folder of its schema, the others from where they are started.
    const base = file.endsWith('.prisma') ? posix.dirname(file) : '.';
    take(file, base, QUOTED);
    take(file, base, PLAIN);
    for (const one of ENVIRONMENT) if (place.has(one)) take(one, base, VARIABLE);
  }
  return [...found].map(([path, from]) => ({ path, from }));
}
