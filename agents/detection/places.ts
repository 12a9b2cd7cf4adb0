/** Where in a repository services may live: the root, the members of workspaces, and folders with a manifest. */
import { posix } from 'node:path';
import { readWorkspace } from './languages/node/workspace.js';
import type { Place } from './place.js';

const MANIFEST =
  /^(?:package\.json|deno\.jsonc?|pyproject\.toml|requirements\.txt|Pipfile|setup\.py|manage\.py|environment\.ya?ml|go\.mod|composer\.json|Gemfile|config\.ru|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|project\.json|CMakeLists\.txt|meson\.build|mix\.exs|gleam\.toml|Package\.swift|build\.zig|shard\.yml|pubspec\.yaml|stack\.yaml|[\w-]+\.cabal|build\.sbt|deps\.edn|project\.clj|start\.sh|Procfile|[\w.-]+\.(?:cs|fs)proj)$/;
/** Manifests of their own, but so often a part of something above that they count only where nothing else is. */
const WEAK = /^(?:index\.html|index\.php|main\.go|(?:app|main|server|bot)\.py|(?:server|app)\.[cm]?js)$/;
/** Folders of examples and tests: services there are for showing, not for running. */
const ASIDE =
  /^(?:tests?|__tests__|specs?|e2e|cypress|fixtures?|__fixtures__|testdata|examples?|samples?|demos?|templates?|boilerplates?|benchmarks?|bench|scripts|tools|third[-_]party|vendor|\.[\w-]+)$/i;
const DEEPEST = 3;
const MOST = 150;

/** @returns paths from the root, the root first, then shallow before deep. */
export function findPlaces(root: Place): string[] {
  const found = new Set<string>();
  const weak = new Set<string>();
  const aside = new Set<string>();
  for (const file of root.files()) {
    const base = posix.basename(file);
    const isManifest = MANIFEST.test(base);
    if (!isManifest && !WEAK.test(base)) continue;
    const folder = posix.dirname(file);
    if (folder === '.') continue;
    const parts = folder.split('/');
    if (parts.length > DEEPEST) continue;
    if (parts.some((part) => ASIDE.test(part))) {
      if (isManifest) aside.add(folder);
    } else if (isManifest) found.add(folder);
    else weak.add(folder);
  }
  for (const path of readWorkspace(root)?.members.values() ?? []) {
    if (!path.split('/').some((part) => ASIDE.test(part))) found.add(path);
  }
  const isManifestAtRoot = root.names.some((name) => MANIFEST.test(name));
  for (const folder of weak) {
    let above = posix.dirname(folder);
    while (above !== '.' && !found.has(above)) above = posix.dirname(above);
    if (above === '.' && !isManifestAtRoot && !root.names.some((name) => WEAK.test(name))) found.add(folder);
  }
  const chosen = found.size > 0 || isManifestAtRoot || root.names.some((name) => WEAK.test(name)) ? found : aside;
  const sorted = [...chosen].sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  if (sorted.length > MOST)
    root.notes.push(`${sorted.length} folders hold a manifest; only the ${MOST} nearest to the root were looked at`);
  return ['.', ...sorted.slice(0, MOST)];
}
