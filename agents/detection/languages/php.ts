/** PHP: Laravel, Symfony and their like by composer.json, plain pages by their index.php. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { asTable, asText, asTexts, at, type Table } from '../values.js';
import { citeAt, findAll, openSource, PHP, word } from './source.js';
import { toRange } from './versions.js';

const FRONTS = ['public', 'web', 'htdocs', 'www', 'public_html', 'html'];
const OTHERS: readonly (readonly [name: string, framework: string])[] = [
  ['slim/slim', 'slim'],
  ['cakephp/cakephp', 'cakephp'],
  ['laminas/laminas-mvc', 'laminas'],
  ['mezzio/mezzio', 'mezzio'],
  ['yiisoft/yii2', 'yii'],
  ['drupal/core', 'drupal'],
];

type Shared = Partial<Service> & { language: string; commands: Service['commands']; writes: string[] };

export const detectPhp: Detector = (place) => {
  const composer = place.has('composer.json') ? place.json('composer.json') : null;
  const front = [...FRONTS.map((folder) => `${folder}/index.php`), 'index.php'].find((file) => place.has(file));
  const scripts = place.names.filter((name) => name.endsWith('.php'));
  if (composer === null && front === undefined && scripts.length === 0) return null;
  const requires = asTable(composer?.require);
  const has = (name: string): boolean => Object.hasOwn(requires, name);
  const install = composer !== null && needsComposer(composer) ? ['composer install --no-interaction'] : [];
  const shared: Shared = {
    language: 'php',
    packageManager: composer === null ? null : 'composer',
    versions: readVersions(place, requires),
    commands: { install, build: [], start: null },
    writes: install.length === 0 ? [] : ['vendor', ...(place.has('composer.lock') ? [] : ['composer.lock'])],
  };
  const evidence: Evidence[] = Object.keys(requires)
    .filter((name) => name.startsWith('ext-'))
    .map((name) => place.evidence(`needs the PHP extension ${name.slice(4)}`, 'composer.json', `"${name}"`));
  const root = front === undefined || front === 'index.php' ? '' : ` -t ${front.slice(0, front.lastIndexOf('/'))}`;
  const builtin = `php -S 127.0.0.1:$PORT${root}`;
  const web = (framework: string | null, start: string, confidence: number, more: Partial<Service> = {}): Service =>
    makeService(place, {
      ...shared,
      kind: 'web-service',
      framework,
      commands: { install, build: [], start },
      confidence,
      evidence,
      ...more,
    });

  if (place.has('artisan') && (has('laravel/framework') || has('laravel/lumen-framework'))) {
    evidence.push(place.evidence('Laravel is required', 'composer.json', /"laravel\/(lumen-)?framework"/));
    evidence.push(place.evidence('artisan serves it', 'artisan', /./));
    const start = 'php artisan serve --host 127.0.0.1 --port $PORT';
    const key = findAppKey(place);
    return web('laravel', start, 0.95, {
      env: key === null ? [] : [{ name: 'APP_KEY', required: true, secret: true, default: null, from: key }],
      proof: { how: 'http', command: null, paths: readHealthRoute(place) },
      writes: [...shared.writes, 'storage', 'bootstrap/cache'],
    });
  }
  if (has('symfony/framework-bundle') && front !== undefined) {
    evidence.push(place.evidence('Symfony is required', 'composer.json', '"symfony/framework-bundle"'));
    evidence.push(place.evidence('its front controller', front, /<\?php/));
    return web('symfony', builtin, 0.9, { writes: [...shared.writes, 'var'] });
  }
  if (has('codeigniter4/framework') && place.has('spark')) {
    evidence.push(place.evidence('CodeIgniter is required', 'composer.json', '"codeigniter4/framework"'));
    return web('codeigniter', 'php spark serve --host 127.0.0.1 --port $PORT', 0.85);
  }
  if (place.has('wp-settings.php') && place.has('index.php')) {
    evidence.push(place.evidence('WordPress, which keeps its pages in MySQL', 'wp-settings.php', /<\?php/));
    return web('wordpress', builtin, 0.8, { needs: ['mysql'] });
  }
  if (front !== undefined && asText(composer?.type) !== 'library') {
    const [name, framework] = OTHERS.find(([each]) => has(each)) ?? [null, null];
    if (name !== null) evidence.push(place.evidence(`${name} is required`, 'composer.json', `"${name}"`));
    evidence.push(place.evidence(`${front} is the front page`, front, /<\?(php|=)|<html/i));
    return web(framework, builtin, name === null ? 0.75 : 0.85);
  }
  if (composer !== null) return describePackage(place, composer, shared, evidence);
  const script = ['main.php', 'run.php', 'app.php', 'server.php'].find((file) => scripts.includes(file)) ?? scripts[0]!;
  return makeService(place, {
    ...shared,
    kind: 'job',
    commands: { install, build: [], start: `php ${word(script)}` },
    proof: { how: 'exit', command: null, paths: [] },
    confidence: 0.35,
    evidence: [...evidence, place.evidence(`${script} is a script`, script, /<\?php/)],
  });
};

/** PHP itself and its extensions are not installed by composer; an autoloader is made by it. */
const needsComposer = (composer: Table): boolean =>
  [...Object.keys(asTable(composer.require)), ...Object.keys(asTable(composer['require-dev']))].some((name) =>
    name.includes('/'),
  ) || composer.autoload !== undefined;

function readVersions(place: Place, requires: Table): Service['versions'] {
  const written = asText(requires.php);
  const want = written === null ? null : toRange(written);
  return want === null ? {} : { php: { want, from: place.from('composer.json', /"php"\s*:/) } };
}

function findAppKey(place: Place): string | null {
  const file = ['.env.example', '.env.dist'].find((each) => /^APP_KEY=/m.test(place.read(each) ?? ''));
  if (file !== undefined) return place.from(file, /^APP_KEY=/);
  return place.has('config/app.php') ? place.from('config/app.php', /APP_KEY/) : null;
}

/** A new Laravel application names its health route in bootstrap/app.php. */
function readHealthRoute(place: Place): Service['proof']['paths'] {
  const source = openSource(place, 'bootstrap/app.php', PHP);
  const found = source === null ? undefined : findAll(source, /\bhealth:\s*/g)[0];
  const path = /^['"](\/[\w/-]*)['"]/.exec(found?.rest ?? '')?.[1];
  return found === undefined || path === undefined ? [] : [{ path, from: citeAt(place, found) }];
}

function describePackage(place: Place, composer: Table, shared: Shared, evidence: Evidence[]): Service {
  const [bin] = typeof composer.bin === 'string' ? [composer.bin] : asTexts(composer.bin);
  if (bin !== undefined && place.has(bin)) {
    const start = `php ${word(bin)}`;
    return makeService(place, {
      ...shared,
      kind: 'cli',
      commands: { ...shared.commands, start },
      proof: { how: 'exit', command: `${start} --help`, paths: [] },
      confidence: 0.8,
      evidence: [...evidence, place.evidence(`installs the command ${bin}`, 'composer.json', '"bin"')],
    });
  }
  const tested = at(composer, 'require-dev', 'phpunit/phpunit') !== undefined;
  const configured = ['phpunit.xml', 'phpunit.xml.dist', 'phpunit.dist.xml'].some((file) => place.has(file));
  evidence.push(place.evidence('a package that serves no page', 'composer.json', /"(type|name|autoload)"/));
  if (tested) evidence.push(place.evidence('tested by PHPUnit', 'composer.json', '"phpunit/phpunit"'));
  const command = tested ? `vendor/bin/phpunit${!configured && place.folders.includes('tests') ? ' tests' : ''}` : null;
  return makeService(place, {
    ...shared,
    kind: 'library',
    proof: { how: 'exit', command, paths: [] },
    confidence: 0.75,
    evidence,
  });
}
