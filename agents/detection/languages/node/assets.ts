/** The Node build that fills another language's pages with scripts and styles (Laravel with Vite, Django with webpack). */
import type { Service } from '../../contract.js';
import type { Place } from '../../place.js';
import { findManager } from './manager.js';
import { readScripts } from './scripts.js';
import { scriptEvidence } from './start.js';

type Assets = Pick<Service, 'versions' | 'writes' | 'evidence'> & { install: string[]; build: string[] };

/** @returns null where package.json has no build of its own. */
export function findAssets(place: Place): Assets | null {
  if (place.json('package.json') === null) return null;
  const scripts = readScripts(place);
  const name = ['build', 'production', 'prod'].find((one) => scripts.has(one));
  if (name === undefined) return null;
  const manager = findManager(place);
  return {
    install: manager.install,
    build: [manager.run(name)],
    versions: manager.versions,
    writes: [...manager.writes, 'public/build'],
    evidence: [scriptEvidence(place, scripts.get(name)!), ...manager.evidence],
  };
}
