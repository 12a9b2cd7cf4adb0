/** Django: manage.py, its settings, and how it is served. */
import type { Evidence, Service } from '../../contract.js';
import { makeService } from '../../place.js';
import { fileOfModule } from './import-path.js';
import { asString, type PythonModule, readAssignment, readModule } from './module.js';
import type { Project } from './project.js';
import { shell } from './serve.js';

const ENGINES: Readonly<Record<string, string>> = {
  postgresql: 'postgres',
  postgis: 'postgres',
  postgresql_psycopg2: 'postgres',
  mysql: 'mysql',
};

export function detectDjango({ place, declared, files, modules }: Project): Service | null {
  const manage = [...files]
    .filter((file) => file === 'manage.py' || file.endsWith('/manage.py'))
    .sort((a, b) => a.length - b.length)[0];
  if (manage === undefined) return null;
  const text = place.read(manage);
  if (text === null) return null;
  const module = modules.get(manage) ?? readModule(manage, text);
  const named = settingsOf(module);
  if (named === null) return null;
  const folder = manage.includes('/') ? manage.slice(0, manage.lastIndexOf('/')) : '.';
  const evidence: Evidence[] = [
    { claim: `manage.py runs Django with ${named.module}`, file: place.full(manage), line: named.line },
  ];
  const settings = fileOfModule(folder, named.module, files);
  const parts = settings === null ? [] : settingsParts(place.read.bind(place), settings, files);
  if (settings === null)
    evidence.push({ claim: `${named.module} is not in the repository`, file: place.full(manage), line: named.line });
  const needs = new Set<string>();
  let application: string | null = null;
  let hasModels = false;
  for (const part of parts) {
    for (const statement of part.statements) {
      const assigned = readAssignment(statement);
      const at = (claim: string, line: number): void =>
        void evidence.push({ claim, file: place.full(part.file), line });
      if (assigned?.target === 'WSGI_APPLICATION' && application === null) {
        application = asString(assigned.value);
        if (application !== null) at(`WSGI_APPLICATION is ${application}`, statement.line);
      }
      if (assigned?.target === 'INSTALLED_APPS' && !hasModels) {
        hasModels = assigned.value.some(
          ({ kind, text }) => kind === 'string' && /^django\.contrib\.(auth|sessions|admin)/.test(text),
        );
        if (hasModels)
          at('installed apps have tables: migrations are needed before pages that use them', statement.line);
      }
      for (const [index, token] of statement.tokens.entries()) {
        const engine = token.kind === 'string' && /\.backends\.(\w+)$/.exec(token.text)?.[1];
        if (!engine || statement.tokens[index - 2]?.text !== 'ENGINE') continue;
        const need = Object.hasOwn(ENGINES, engine) ? ENGINES[engine]! : null;
        if (need !== null && !needs.has(need)) at(`the database is ${need}`, token.line);
        if (need !== null) needs.add(need);
      }
    }
  }
  const { python, dependencies, install } = declared;
  const wsgi = application?.replace(/\.(\w+)$/, ':$1') ?? null;
  const wsgiFile = application === null ? null : fileOfModule(folder, application.replace(/\.\w+$/, ''), files);
  const gunicorn = dependencies.has('gunicorn') && wsgi !== null && wsgiFile !== null;
  const path = folder === '.' ? '' : `PYTHONPATH=${shell(folder)} `;
  if (gunicorn) evidence.push({ claim: 'gunicorn is declared', ...split(dependencies.get('gunicorn')!) });
  const start = gunicorn
    ? `${path}${python} -m gunicorn ${wsgi} --bind 127.0.0.1:$PORT`
    : `${python} ${shell(manage)} runserver 127.0.0.1:$PORT --noreload`;
  return makeService(place, {
    kind: 'web-service',
    language: 'python',
    framework: 'django',
    commands: { install, build: [], start },
    needs: [...needs],
    confidence: dependencies.has('django') ? 0.95 : 0.8,
    evidence,
  });
}

export const split = (from: string): { file: string; line: number | null } => {
  const [file = from, line] = from.split(/:(?=\d+$)/);
  return { file, line: line === undefined ? null : Number(line) };
};

/** `os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')` */
function settingsOf({ statements }: PythonModule): { module: string; line: number } | null {
  for (const { tokens } of statements) {
    const at = tokens.findIndex(({ kind, text }) => kind === 'string' && text === 'DJANGO_SETTINGS_MODULE');
    const value = at < 0 ? undefined : tokens.slice(at + 1).find(({ kind }) => kind === 'string');
    if (value !== undefined && /^[\w.]+$/.test(value.text)) return { module: value.text, line: value.line };
  }
  return null;
}

/** The settings file and those it imports everything from (`from .base import *`). */
function settingsParts(
  read: (file: string) => string | null,
  settings: string,
  files: ReadonlySet<string>,
): PythonModule[] {
  const parts: PythonModule[] = [];
  const open = [settings];
  for (let file = open.shift(); file !== undefined && parts.length < 6; file = open.shift()) {
    const text = read(file);
    if (text === null || parts.some((part) => part.file === file)) continue;
    const module = readModule(file, text);
    parts.push(module);
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '.';
    for (const star of module.stars) {
      const next = star.level === 1 ? fileOfModule(folder, star.module, files) : fileOfModule('.', star.module, files);
      if (next !== null) open.push(next);
    }
  }
  return parts;
}
