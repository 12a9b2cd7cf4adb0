/** The Python files that belong to a place, read once and within limits, and what is declared for them. */
import { posix } from 'node:path';
import { openPlaces, type Place } from '../../place.js';
import { foldersOf } from '../source.js';
import { WORTH_READING } from './apps.js';
import { type Declared, isManifest, readDeclared } from './manifest.js';
import { type PythonModule, readModule } from './module.js';

export interface Project {
  place: Place;
  declared: Declared;
  /** Whether the manifest is the place's own, and not that of a folder above. */
  own: boolean;
  /** No manifest: files that import what they need from wherever it is. */
  isLoose: boolean;
  /** All Python files of the place that are not another project's, tests or examples; from the place. */
  files: ReadonlySet<string>;
  /** Tests, from the place. */
  tests: readonly string[];
  /** Those read: the ones whose text may matter, nearest to the place first. */
  modules: ReadonlyMap<string, PythonModule>;
  notebooks: readonly string[];
}

const ASIDE =
  /(^|\/)(tests?|testing|examples?|samples?|docs?|docs_src|benchmarks?|migrations|alembic|versions|site-packages|node_modules|vendor|fixtures|templates|stubs|typings)\//i;
const IS_TEST = /(^|\/)(tests?\/.*|test_[^/]*|[^/]*_test|conftest)\.py$/;
export const isTestFile = (file: string): boolean => IS_TEST.test(file);
/** Reading and scanning stops here: an app's entry lies near the top. */
const MOST_FILES = 250;
const MOST_BYTES = 1.5 * 1024 * 1024;

export function readProject(place: Place): Project | null {
  const all = place.files();
  const own = all.some(isManifest);
  const shared = own && sharesRequirements(place, '');
  const nested = nestedProjects(all, own, shared);
  const belongs = (file: string): boolean => !foldersOf(file).some((folder) => nested.has(folder));
  const python = all.filter((file) => file.endsWith('.py') && belongs(file));
  const notebooks = all.filter(
    (file) => file.endsWith('.ipynb') && belongs(file) && !file.includes('.ipynb_checkpoints/'),
  );
  if (!own && python.length === 0 && notebooks.length === 0) return null;
  const files = new Set(python.filter((file) => !ASIDE.test(file) && !IS_TEST.test(file) && file !== 'setup.py'));
  const direct = place.names.some((name) => name.endsWith('.py') || name.endsWith('.ipynb'));
  const above = own ? null : manifestAbove(place);
  if (above === 'other') return null;
  const declared = above === null ? readDeclared(place) : declaredAbove(place, above);
  const modules = readModules(place, files);
  // Python below a folder that is something else entirely (a Go project's scripts) says little about the folder.
  // A folder below with an entry of the usual name is a place of its own.
  const elsewhere = [...files].some((file) => /\/(app|main|server|bot|manage)\.py$/.test(file));
  if (!own && !direct && (elsewhere || ![...modules.values()].some(holdsApp))) return null;
  return {
    place,
    declared,
    own,
    isLoose: !own && above === null,
    files,
    tests: python.filter((file) => IS_TEST.test(file)),
    modules,
    notebooks,
  };
}

const holdsApp = ({ imported, file }: PythonModule): boolean =>
  posix.basename(file) === 'manage.py' ||
  imported.some(({ module }) =>
    /^(flask|fastapi|starlette|django|streamlit|gradio|quart|sanic|aiohttp|bottle|fasthtml)\b/.test(module),
  );

/** Folders below with a manifest of their own are places of their own; so is a Django site, if it can install alone. */
function nestedProjects(all: readonly string[], own: boolean, shared: boolean): Set<string> {
  const folders = new Set<string>();
  for (const file of all) {
    const slash = file.lastIndexOf('/');
    if (slash < 0) continue;
    const folder = file.slice(0, slash);
    const base = file.slice(slash + 1);
    if (base === 'manage.py' && (shared || !own)) folders.add(folder);
    if (!isManifest(base)) continue;
    // `docs/requirements.txt` says what the documents need, not that they are a project.
    if (own && /(^|\/)(requirements|docs?|tests?|ci|dev|scripts|\.\w+)$/.test(folder)) continue;
    folders.add(folder);
  }
  return folders;
}

/** Whether a folder's list of requirements serves folders below too: no tool with a project of its own is in charge. */
const sharesRequirements = (place: Place, folder: string): boolean =>
  place.has(`${folder}requirements.txt`) &&
  !['uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile'].some((file) => place.has(`${folder}${file}`));

/** Nearest folder above that declares Python dependencies: its path from here, `other` when only itself can install it. */
function manifestAbove(place: Place): string | 'other' | null {
  if (place.path === '.') return null;
  for (let up = '..', depth = place.path.split('/').length; depth > 0; depth--, up += '/..') {
    if (sharesRequirements(place, `${up}/`)) return up;
    if (['pyproject.toml', 'setup.py', 'Pipfile', 'uv.lock', 'poetry.lock'].some((file) => place.has(`${up}/${file}`)))
      return 'other';
  }
  return null;
}

function declaredAbove(place: Place, up: string): Declared {
  const above = openPlaces(place.tree).place(posix.normalize(posix.join(place.path, up)));
  const declared = readDeclared(above);
  const install = declared.install.map((command) =>
    command.replace(' -r requirements.txt', ` -r ${up}/requirements.txt`),
  );
  return {
    ...declared,
    install: install.filter((command) => !command.endsWith(' -e .')),
    name: null,
    isPackage: false,
    scripts: [],
  };
}

function readModules(place: Place, files: ReadonlySet<string>): Map<string, PythonModule> {
  const nearest = [...files].sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  const modules = new Map<string, PythonModule>();
  let bytes = 0;
  for (const file of nearest.slice(0, MOST_FILES)) {
    const text = place.read(file);
    if (text === null || text.length > 300_000 || !WORTH_READING.test(text)) continue;
    bytes += text.length;
    if (bytes > MOST_BYTES) break;
    modules.set(file, readModule(file, text));
  }
  return modules;
}
