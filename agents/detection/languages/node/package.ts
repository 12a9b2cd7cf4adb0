/** Packages that nobody starts: command line programs and libraries. Neither is a failure; each is proven in its own way. */
import type { Evidence, Service } from '../../contract.js';
import { makeService } from '../../place.js';
import { asTable, asText, at } from '../../values.js';
import { readCode } from './code.js';
import { quote } from './manager.js';
import { findFile, isOutput } from './scripts.js';
import { compiledPath, type Known } from './start.js';

type Common = Pick<Service, 'versions' | 'commands' | 'writes' | 'evidence' | 'packageManager'>;

/** @returns null when the package is only a bag of tools (no bin, no main, no exports). */
export function describePackage(known: Known, bin: string | null, common: Common): Service | null {
  return bin === null ? describeLibrary(known, common) : describeCli(known, bin, common);
}

function describeCli({ place, manager }: Known, bin: string, common: Common): Service {
  const there = place.has(bin) || isOutput(bin);
  if (!there) place.notes.push(`${place.from('package.json', /"bin"\s*:/)}: bin is ${bin}, which does not exist`);
  const command = manager.node(bin);
  return makeService(place, {
    ...common,
    kind: 'cli',
    language: 'node',
    // What is there as source needs no build to be asked for its help.
    commands: { ...common.commands, build: place.has(bin) ? [] : common.commands.build, start: command },
    proof: { how: 'exit', command: `${command} --help`, paths: [] },
    confidence: there ? 0.85 : 0.4,
    evidence: [place.evidence(`bin is ${bin}`, 'package.json', /"bin"\s*:/), ...common.evidence],
  });
}

function describeLibrary(known: Known, common: Common): Service | null {
  const { place, manager, scripts } = known;
  const manifest = place.json('package.json');
  const main = asText(at(manifest, 'main')) ?? asText(at(manifest, 'module')) ?? firstText(at(manifest, 'exports'));
  const key = ['main', 'module', 'exports'].find((name) => at(manifest, name) !== undefined) ?? null;
  const file = main === null ? (place.has('index.js') ? 'index.js' : null) : findFile(place, main);
  if (key === null && file === null) return null;
  const evidence: Evidence[] = [
    key === null
      ? place.evidence('index.js is what the package gives', file!)
      : place.evidence(`${key} is ${main ?? 'a map'}: a library`, 'package.json', new RegExp(`"${key}"\\s*:`)),
  ];

  const test = scripts.get('test');
  const tests = test !== undefined && !/no test specified/.test(test.text);
  const example = tests
    ? undefined
    : place
        .files()
        .find(
          (name) =>
            /^(?:examples?|demo)\/[^/]*(?:\/[^/]*)?\.[cm]?js$/.test(name) && readCode(place, [name]).listens !== null,
        );
  const there = file !== null && place.has(file);
  const built = file !== null && !there && isOutput(file) ? file.split('/')[0]! : null;
  const esm = file !== null && (/\.mjs$/.test(file) || at(manifest, 'type') === 'module');
  const load =
    file === null
      ? null
      : esm
        ? `node --input-type=module -e ${quote(`await import('./${file}')`)}`
        : `node -e ${quote(`require('./${file}')`)}`;
  if (tests)
    evidence.push(
      place.evidence(`its tests prove it: \`${test.text.slice(0, 80)}\``, 'package.json', '"test"', '"scripts"'),
    );
  if (example !== undefined)
    evidence.push(place.evidence(`${example} is an example that serves`, example, /\.listen\s*\(|serve\s*\(/));
  if (!there && file !== null && !isOutput(file) && !place.has(compiledPath(place, file))) {
    place.notes.push(
      `${place.from('package.json', new RegExp(`"${key}"\\s*:`))}: ${key} is ${main}, which does not exist`,
    );
  }
  if (!tests && example === undefined && !there && common.commands.build.length === 0) return null;
  return makeService(place, {
    ...common,
    kind: 'library',
    language: 'node',
    commands: { ...common.commands, start: example === undefined ? null : manager.node(example) },
    proof:
      example === undefined
        ? { how: 'exit', command: tests ? manager.run('test').replace('npm run test', 'npm test') : load, paths: [] }
        : { how: 'http', command: null, paths: [] },
    writes: built === null ? common.writes : [...common.writes, built],
    confidence: tests ? 0.8 : 0.6,
    evidence: [...evidence, ...common.evidence],
  });
}

/** The first file that an `exports` map leads to. */
function firstText(value: unknown): string | null {
  const text = asText(value);
  if (text !== null) return text;
  const table = asTable(value);
  for (const key of ['.', 'import', 'require', 'node', 'default']) {
    const inner = Object.hasOwn(table, key) ? firstText(table[key]) : null;
    if (inner !== null) return inner;
  }
  return null;
}
