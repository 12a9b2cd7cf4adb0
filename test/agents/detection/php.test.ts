import { expect, test } from 'vitest';
import { detectPhp } from '../../../agents/detection/languages/php.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

test.each([
  ['php-plain', null, [], 'php -S 127.0.0.1:$PORT'],
  ['laravel-like', 'laravel', ['composer install --no-interaction'], 'php artisan serve --host 127.0.0.1 --port $PORT'],
  ['symfony-like', 'symfony', ['composer install --no-interaction'], 'php -S 127.0.0.1:$PORT -t public'],
])('%s is served', async (name, framework, install, start) => {
  const service = await found(detectPhp, fixture(name));
  expect(service).toMatchObject({ kind: 'web-service', language: 'php', framework });
  expect(service.commands).toEqual({ install, build: [], start });
});

test('Laravel wants a key of its own and names its health route, not the one in a comment', async () => {
  const service = await found(detectPhp, fixture('laravel-like'));
  expect(service.env).toEqual([
    { name: 'APP_KEY', required: true, secret: true, default: null, from: '.env.example:2' },
  ]);
  expect(service.proof.paths).toEqual([{ path: '/up', from: 'bootstrap/app.php:4' }]);
  expect(service.versions).toEqual({ php: { want: '^8.2', from: 'composer.json:5' } });
  expect(claims(service)).toContain('needs the PHP extension mbstring (composer.json:6)');
});

test('a package is proven by its tests, a script is a job, other folders are nothing', async () => {
  expect(await found(detectPhp, fixture('php-library'))).toMatchObject({
    kind: 'library',
    proof: { command: 'vendor/bin/phpunit tests' },
  });
  expect(await found(detectPhp, scratch({ 'run.php': '<?php echo 1;\n' }))).toMatchObject({
    kind: 'job',
    commands: { start: 'php run.php' },
  });
  expect(await look(detectPhp, fixture('go-http'))).toBeNull();
});
