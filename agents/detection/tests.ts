/**
 * The command with which a service's own tests are run, and by which runner: what the manifest says, then what the files
 * are written for, then what a Makefile or a README tells. Pure; nothing is run, and a claim names its file.
 */
import type { Hint, Service, Tests } from './contract.js';
import { findManager, quote } from './languages/node/manager.js';
import { readDeclared } from './languages/python/manifest.js';
import { chooseTests } from './languages/python/programs.js';
import { isTestFile } from './languages/python/project.js';
import type { Place } from './place.js';
import { asTable, asText, at } from './values.js';

type Command = Extract<Hint, { about: 'command' }>;
/** By language; null: nothing is known there. */
type Finder = (place: Place, service: Service) => Tests | null;

/** @param hints of the place. @returns null when the repository names no tests of it. */
export function findTests(service: Service, place: Place, hints: readonly Hint[]): Tests | null {
  const find = Object.hasOwn(finders, service.language) ? finders[service.language]! : null;
  const found = find?.(place, service) ?? null;
  // A library whose proof is its tests has had the way to call them worked out already.
  const { how, command } = service.proof;
  if (found !== null)
    return how === 'exit' && command !== null && runnerOf(command) !== null ? { ...found, command } : found;
  const [said] = hints
    .filter((hint): hint is Command => hint.about === 'command' && hint.role === 'test')
    .sort((a, b) => b.weight - a.weight);
  return said === undefined
    ? null
    : { command: said.command, framework: runnerOf(said.command), install: [], from: said.from };
}

const saying = (
  command: string,
  from: string,
  framework: string | null = runnerOf(command),
  install: string[] = [],
): Tests => ({
  command,
  framework,
  install,
  from,
});

/** The runner that a command names; null: it hides in a script of somebody's. */
const runners: readonly [RegExp, string][] = [
  [/\bnode\b.{0,200}--test\b/, 'node:test'],
  [/\b(?:jest|react-scripts test|craco test)\b/, 'jest'],
  [/\bvitest\b/, 'vitest'],
  [/\b(?:mocha|cypress run)\b/, 'mocha'],
  [/\bava\b/, 'ava'],
  [/\b(?:tape|tap|borp|zora|bats)\b/, 'tap'],
  [/\bjasmine\b/, 'jasmine'],
  [/\b(?:karma|ng test)\b/, 'karma'],
  [/\bplaywright\b/, 'playwright'],
  [/\buvu\b/, 'uvu'],
  [/\bbun test\b/, 'bun'],
  [/\bdeno test\b/, 'deno'],
  [/\b(?:pytest|py\.test)\b/, 'pytest'],
  [/\b(?:unittest|manage\.py test)\b/, 'unittest'],
  [/\bgo test\b/, 'go'],
  [/\bcargo (?:test|nextest)\b/, 'cargo'],
  [/\bmvnw?\b/, 'surefire'],
  [/\bgradlew?\b/, 'gradle'],
  [/\b(?:pest|artisan test)\b/, 'pest'],
  [/\bphpunit\b/, 'phpunit'],
  [/\brspec\b/, 'rspec'],
  [/\b(?:rails test|rake test)\b/, 'minitest'],
  [/\bmix test\b/, 'ex-unit'],
  [/\bdotnet test\b/, 'dotnet'],
  [/\bctest\b/, 'ctest'],
  [/\bmeson test\b/, 'meson'],
  [/\bswift test\b/, 'swift'],
  [/\b(?:dart|flutter) test\b/, 'dart'],
  [/\bsbt\b/, 'scala'],
];
export const runnerOf = (command: string): string | null =>
  runners.find(([pattern]) => pattern.test(command.slice(0, 500)))?.[1] ?? null;

// Node.

function inNode(place: Place, service: Service): Tests | null {
  const scripts = asTable(at(place.json('package.json'), 'scripts'));
  const manager = findManager(place);
  for (const name of ['test', 'tests', 'test:unit', 'unit', 'test:ci']) {
    const text = Object.hasOwn(scripts, name) ? asText(scripts[name]) : null;
    if (text === null || /no test specified/.test(text) || text.trim() === '') continue;
    const run = manager.run(name).replace(/\brun test$/, 'test');
    return saying(
      manager.name === 'bun' ? manager.run(name) : run,
      place.from('package.json', `"${name}"`, '"scripts"'),
      runnerOf(text),
    );
  }
  const file = place
    .files()
    .find(
      (one) =>
        /(?:[._](?:test|spec)|(?:^|\/)tests?\/[^/]+)\.[cm]?[jt]sx?$/.test(one) && !/(?:^|\/)node_modules\//.test(one),
    );
  if (file === undefined) return null;
  const manifest = place.json('package.json');
  const has = (name: string): boolean =>
    ['dependencies', 'devDependencies'].some((key) => at(manifest, key, name) !== undefined);
  const from = (name: string): string => place.from('package.json', `"${name}"`);
  if (has('vitest')) return saying(`${manager.exec('vitest')} run`, from('vitest'));
  if (has('jest')) return saying(manager.exec('jest'), from('jest'));
  if (has('mocha')) return saying(manager.exec('mocha'), from('mocha'));
  if (has('ava')) return saying(manager.exec('ava'), from('ava'));
  const [own] = place.search(/(?:from\s+|require\(\s*)['"]node:test['"]/, [file]);
  if (own !== undefined && service.language === 'node') return saying(`node --test`, `${own.file}:${own.line}`);
  const [buns] = place.search(/from\s+['"]bun:test['"]/, [file]);
  return buns === undefined ? null : saying('bun test', `${buns.file}:${buns.line}`);
}

function inDeno(place: Place): Tests | null {
  const config = ['deno.json', 'deno.jsonc'].find((name) => place.has(name));
  const tasks = config === undefined ? {} : asTable(at(place.jsonc(config), 'tasks'));
  if (Object.hasOwn(tasks, 'test')) return saying('deno task test', place.from(config!, '"test"', '"tasks"'), 'deno');
  const file = place.files().find((one) => /(?:[._]test|(?:^|\/)test)\.[jt]sx?$/.test(one));
  return file === undefined ? null : saying('deno test -A', place.full(file));
}

// Python.

function inPython(place: Place): Tests | null {
  const files = place.files();
  const tests = files.filter(
    (file) => isTestFile(file) && !/(?:^|\/)(?:\.venv|venv|site-packages|node_modules)\//.test(file),
  );
  if (tests.length === 0) return null;
  const declared = readDeclared(place);
  const [by, [evidence]] = chooseTests({ place, tests });
  if (by === null || evidence === undefined) return null;
  const from = evidence.line === null ? evidence.file : `${evidence.file}:${evidence.line}`;
  const asks = declared.dependencies.has('pytest') || declared.development.has('pytest') || configured(place);
  if (by === 'unittest' && place.has('manage.py') && !asks)
    return saying(`${declared.python} manage.py test`, from, 'unittest');
  if (by === 'unittest' && !asks) {
    const below = tests.every((file) => file.startsWith('tests/'));
    const where = below ? ` -s tests${place.has('tests/__init__.py') ? ' -t .' : ''}` : '';
    return saying(`${declared.python} -m unittest discover${where}`, from);
  }
  return saying(`${declared.python} -m pytest -q`, from, 'pytest', pytestBy(place, declared));
}
const configured = (place: Place): boolean =>
  place.has('pytest.ini') ||
  (place.has('pyproject.toml') && at(place.toml('pyproject.toml'), 'tool', 'pytest') !== undefined) ||
  ['tox.ini', 'setup.cfg'].some((file) => /^\[(?:tool:)?pytest\]/m.test(place.read(file) ?? ''));

/** Lists that hold what the tests need beside the application. */
const LISTS = [
  'requirements-dev.txt',
  'requirements-test.txt',
  'dev-requirements.txt',
  'test-requirements.txt',
  'requirements_dev.txt',
  'requirements_test.txt',
  'requirements/test.txt',
  'requirements/dev.txt',
];
/** pip installs no groups and no extras with a package; the other tools do. */
function pytestBy(place: Place, { packageManager, python, dependencies }: ReturnType<typeof readDeclared>): string[] {
  if (packageManager !== null && packageManager !== 'pip') return [];
  // With nothing to install there is no environment of its own: then the machine's pytest is what there is.
  if (!python.startsWith('.venv/')) return [];
  const list = LISTS.find((file) => place.has(file));
  if (list !== undefined) return [`${python} -m pip install -r ${list}`];
  return dependencies.has('pytest') ? [] : [`${python} -m pip install pytest`];
}

// The others.

const inGo: Finder = (place) => {
  const file = place.files().find((one) => one.endsWith('_test.go') && !one.includes('testdata/'));
  return file === undefined ? null : saying('go test ./...', place.full(file));
};
const inRust: Finder = (place) => {
  const files = place
    .files()
    .filter((one) => one.endsWith('.rs') && !one.startsWith('target/'))
    .slice(0, 400);
  const [hit] = place.search(/#\[(?:[\w:]+::)?test\b/, files);
  return hit === undefined ? null : saying('cargo test', `${hit.file}:${hit.line}`);
};
const inJava: Finder = (place) => {
  const file = place.files().find((one) => /(?:^|\/)src\/test\/(?:java|kotlin|scala|groovy)\/.+\.\w+$/.test(one));
  if (file === undefined) return null;
  if (place.has('pom.xml'))
    return saying(`${place.has('mvnw') ? 'sh ./mvnw' : 'mvn'} --batch-mode test`, place.full(file));
  if (['build.gradle', 'build.gradle.kts'].some((one) => place.has(one)))
    return saying(`${place.has('gradlew') ? 'sh ./gradlew' : 'gradle'} --no-daemon test`, place.full(file));
  return place.has('build.sbt') ? saying('sbt test', place.full(file)) : null;
};
const inRuby: Finder = (place) => {
  const spec = place.files().find((one) => /(?:^|\/)spec\/.*_spec\.rb$/.test(one));
  if (spec !== undefined) return saying('bundle exec rspec', place.full(spec));
  const file = place.files().find((one) => /(?:^|\/)test\/.*(?:_test|test_\w+)\.rb$/.test(one));
  if (file === undefined) return null;
  if (place.has('bin/rails')) return saying('ruby bin/rails test', place.full(file));
  return place.has('Rakefile') ? saying('bundle exec rake test', place.full(file)) : null;
};
const inPhp: Finder = (place) => {
  const composer = place.json('composer.json');
  const named = at(composer, 'scripts', 'test');
  if (named !== undefined) {
    const text = JSON.stringify(named);
    return saying('composer test', place.from('composer.json', '"test"', '"scripts"'), runnerOf(text));
  }
  const asks = (name: string): boolean => at(composer, 'require-dev', name) !== undefined;
  if (asks('pestphp/pest')) return saying('vendor/bin/pest', place.from('composer.json', '"pestphp/pest"'));
  if (!asks('phpunit/phpunit')) return null;
  const isSet = ['phpunit.xml', 'phpunit.xml.dist', 'phpunit.dist.xml'].some((file) => place.has(file));
  return saying(
    `vendor/bin/phpunit${!isSet && place.folders.includes('tests') ? ' tests' : ''}`,
    place.from('composer.json', '"phpunit/phpunit"'),
  );
};
const inDotnet: Finder = (place) => {
  const project = place.files().find((one) => /Tests?\.(?:cs|fs|vb)proj$/.test(one));
  if (project !== undefined) return saying(`dotnet test ${quote(project)}`, place.full(project));
  const [hit] = place.search(
    /Microsoft\.NET\.Test\.Sdk/,
    place.files().filter((one) => /\.(?:cs|fs|vb)proj$/.test(one)),
  );
  return hit === undefined ? null : saying('dotnet test', `${hit.file}:${hit.line}`);
};
/** A manifest, the sign that there are tests, and the command. */
const byManifest =
  (manifest: RegExp, sign: RegExp, command: string, framework: string | null = runnerOf(command)): Finder =>
  (place) => {
    if (!place.names.some((name) => manifest.test(name))) return null;
    const file = place.files().find((one) => sign.test(one));
    return file === undefined ? null : saying(command, place.full(file), framework);
  };
const firstOf =
  (...all: Finder[]): Finder =>
  (place, service) => {
    for (const find of all) {
      const found = find(place, service);
      if (found !== null) return found;
    }
    return null;
  };
const inCmake: Finder = (place) => {
  if (!place.has('CMakeLists.txt')) return null;
  const lists = place
    .files()
    .filter((one) => /(?:^|\/)CMakeLists\.txt$/.test(one))
    .slice(0, 100);
  const [hit] = place.search(/^\s*(?:add_test|gtest_discover_tests|catch_discover_tests)\s*\(/i, lists);
  return hit === undefined ? null : saying('ctest --test-dir build --output-on-failure', `${hit.file}:${hit.line}`);
};
const inMeson: Finder = (place) => {
  const [hit] = place.search(
    /^\s*test\s*\(/,
    place
      .files()
      .filter((one) => /(?:^|\/)meson\.build$/.test(one))
      .slice(0, 100),
  );
  return hit === undefined ? null : saying('meson test -C build', `${hit.file}:${hit.line}`);
};

const finders: Readonly<Record<string, Finder>> = {
  node: inNode,
  bun: inNode,
  deno: inDeno,
  python: inPython,
  go: inGo,
  rust: inRust,
  java: inJava,
  kotlin: inJava,
  scala: inJava,
  ruby: inRuby,
  php: inPhp,
  dotnet: inDotnet,
  elixir: byManifest(/^mix\.exs$/, /(?:^|\/)test\/.*_test\.exs$/, 'mix test'),
  gleam: byManifest(/^gleam\.toml$/, /(?:^|\/)test\/.*_test\.gleam$/, 'gleam test', 'ex-unit'),
  swift: byManifest(/^Package\.swift$/, /^Tests\/.*\.swift$/, 'swift test'),
  dart: byManifest(/^pubspec\.yaml$/, /^test\/.*_test\.dart$/, 'dart test'),
  crystal: byManifest(/^shard\.yml$/, /^spec\/.*_spec\.cr$/, 'crystal spec', 'rspec'),
  haskell: firstOf(
    byManifest(/^stack\.yaml$/, /^tests?\/.*\.hs$/, 'stack test', 'rspec'),
    byManifest(/\.cabal$/, /^tests?\/.*\.hs$/, 'cabal test', 'rspec'),
  ),
  clojure: byManifest(/^project\.clj$/, /^test\/.*\.clj$/, 'lein test', null),
  c: firstOf(inCmake, inMeson),
  'c++': firstOf(inCmake, inMeson),
  cpp: firstOf(inCmake, inMeson),
};
