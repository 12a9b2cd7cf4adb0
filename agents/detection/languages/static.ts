/** Pages that are served as they lie there, and generators that only write such pages. */
import { type Detector, makeService, type Place } from '../place.js';
import { asText } from '../values.js';
import { findFile } from './node/scripts.js';
import { isLibrary } from './node/start.js';

/** Folders below the place that hold a finished site, the likeliest first. */
const ROOTS = ['', 'public', 'site', 'www', 'htdocs', 'web', 'html', 'static', 'src', 'dist', 'build', '_site', 'docs'];

export const detectStatic: Detector = (place) => {
  const hugo = ['hugo.toml', 'hugo.yaml', 'hugo.json', 'config.toml'].find(
    (file) =>
      place.has(file) &&
      (file.startsWith('hugo') || place.folders.includes('archetypes') || place.folders.includes('content')),
  );
  if (hugo !== undefined && (place.folders.includes('content') || place.folders.includes('layouts'))) {
    const out = hugo.endsWith('.toml') ? asText(place.toml(hugo)?.publishDir) : null;
    return makeService(place, {
      kind: 'static-site',
      language: 'static',
      framework: 'hugo',
      commands: { install: [], build: ['hugo'], start: `rr-static ${out ?? 'public'}` },
      proof: { how: 'http', command: null, paths: [{ path: '/', from: place.from(hugo) }] },
      writes: [out ?? 'public', 'resources', '.hugo_build.lock'],
      confidence: 0.85,
      evidence: [place.evidence('a Hugo site', hugo)],
    });
  }

  const staticfile = place.has('Staticfile')
    ? asText(/^root:\s*(\S+)/m.exec(place.read('Staticfile') ?? '')?.[1])
    : null;
  const named = staticfile?.replace(/^\.\//, '').replace(/\/$/, '') ?? null;
  const folder = named ?? ROOTS.find((root) => place.has(root === '' ? 'index.html' : `${root}/index.html`)) ?? null;
  if (folder === null) return null;
  const page = folder === '' || folder === '.' ? 'index.html' : `${folder}/index.html`;
  if (named !== null && !place.has(page)) {
    place.notes.push(`${place.from('Staticfile', /^root:/)}: root is ${named}, which holds no index.html`);
    return null;
  }
  // A page that loads untranspiled sources is the template of a bundler, not a site.
  const text = place.read(page) ?? '';
  const template = /<script[^>]+src=["'][^"']+\.(?:tsx?|jsx|vue|svelte)["']|\{\{[^}]*\}\}|\{%|<%=?|%PUBLIC_URL%/.test(
    text,
  );
  return makeService(place, {
    kind: 'static-site',
    language: 'static',
    commands: { install: [], build: [], start: `rr-static ${folder === '' ? '.' : folder}` },
    proof: { how: 'http', command: null, paths: [{ path: '/', from: place.from(page, /<title|<html|<!doctype/i) }] },
    confidence: rate(place, template, folder === '' || named !== null),
    evidence: [
      ...(named === null ? [] : [place.evidence(`the site's root is ${named}`, 'Staticfile', /^root:/)]),
      place.evidence(`${page} is a page`, page, /<title|<html|<!doctype/i),
    ],
  });
};

function rate(place: Place, template: boolean, certain: boolean): number {
  // Beside the code of a library a page is its documentation.
  const manifest = place.has('package.json') ? place.json('package.json') : null;
  const main = asText(manifest?.main);
  if (isLibrary(place) || (main !== null && place.has(findFile(place, main)))) return 0.25;
  return (template ? 0.3 : certain ? 0.85 : 0.6) - (manifest === null ? 0 : 0.15);
}
