import { expect, test } from 'vitest';
import { detectRuby } from '../../../agents/detection/languages/ruby.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

const bundle = ['bundle check || (bundle config set --local path vendor/bundle && bundle install)'];
test.each([
  ['ruby-sinatra', 'sinatra', bundle, 'bundle exec ruby app.rb -o 127.0.0.1 -p $PORT'],
  ['rails-like', 'rails', bundle, 'bin/rails server -b 127.0.0.1 -p $PORT'],
  ['rack-app', 'rack', [], 'rackup -o 127.0.0.1 -p $PORT'],
])('%s is served', async (name, framework, install, start) => {
  const service = await found(detectRuby, fixture(name));
  expect(service).toMatchObject({ kind: 'web-service', language: 'ruby', framework });
  expect(service.commands).toEqual({ install, build: [], start });
});

test('gems in comments are not there; versions, routes and needs are cited', async () => {
  const sinatra = await found(detectRuby, fixture('ruby-sinatra'));
  expect(sinatra.versions).toEqual({ ruby: { want: '>=2.7', from: 'Gemfile:3' } });
  expect(sinatra.proof.paths.map(({ from }) => from)).toEqual(['app.rb:8', 'app.rb:4']);
  const rails = await found(detectRuby, fixture('rails-like'));
  expect(rails).toMatchObject({ needs: ['postgres'], versions: { ruby: { want: '3.2.2', from: '.ruby-version:1' } } });
  expect(rails.proof.paths).toEqual([{ path: '/up', from: 'config/routes.rb:2' }]);
  expect(claims(rails)).toContain('pg is a client of postgres (Gemfile:4)');
});

test('puma serves config.ru where the Gemfile has it', async () => {
  const files = { Gemfile: 'gem \'rack\'\ngem "puma"\n', 'config.ru': 'run App\n' };
  expect((await found(detectRuby, scratch(files))).commands.start).toBe(
    'bundle exec puma -b tcp://127.0.0.1:$PORT config.ru',
  );
});

test('a gem is a library, a script a job, a lone Sinatra file says that nothing declares it', async () => {
  const gem = { Gemfile: 'gemspec\n', 'a.gemspec': 'Gem::Specification.new\n', 'spec/a_spec.rb': 'describe 1\n' };
  expect(await found(detectRuby, scratch(gem))).toMatchObject({
    kind: 'library',
    proof: { command: 'bundle exec rspec' },
  });
  expect(await found(detectRuby, scratch({ 'count.rb': 'puts 1\n' }))).toMatchObject({
    kind: 'job',
    commands: { start: 'ruby count.rb' },
  });
  const lone = await found(detectRuby, scratch({ 'web.rb': '# a page\nrequire "sinatra"\nset :port, 9090\n' }));
  expect(lone).toMatchObject({
    commands: { start: 'ruby web.rb -o 127.0.0.1 -p $PORT' },
    ports: [{ number: 9090, from: 'web.rb:3' }],
  });
  expect(claims(lone)).toContain('sinatra is required but no Gemfile declares it (web.rb:2)');
  expect(await look(detectRuby, fixture('go-http'))).toBeNull();
});
