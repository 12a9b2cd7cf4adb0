import { expect, test } from 'vitest';
import type { Action } from '../../../agents/fixer/contract.js';
import { fixWords } from '../../../clients/cli/fix-words.js';

const told = (...actions: Action[]): string => fixWords({ cause: 'why', actions }).replace('why → ', '');
const env = (name: string, value: string): Action => ({ do: 'set-env', name, value });

test.each<[Action, string]>([
  [env('SESSION_SECRET', '$generate'), 'SESSION_SECRET is generated'],
  [env('STRIPE_API_KEY', 'sk_test_1'), 'STRIPE_API_KEY=***'],
  [env('DB_PASSWORD', 'x'), 'DB_PASSWORD=***'],
  [env('DATABASE_URL', 'postgres://u:p@h/d'), 'DATABASE_URL=***'],
  [env('LOG_LEVEL', 'info'), 'LOG_LEVEL=info'],
  [{ do: 'set-command', role: 'build', commands: [] }, 'no build'],
  [{ do: 'set-command', role: 'install', commands: ['a', 'b'] }, 'install with a && b'],
  [{ do: 'relax-version', tool: 'node' }, 'take the nearest node'],
  [{ do: 'migrate', command: 'npx knex migrate:latest' }, 'migrate with npx knex migrate:latest'],
  [{ do: 'start-service', service: 'redis', host: null, port: 6379 }, 'start redis'],
  [{ do: 'install-system-package', packages: ['libpq-dev', 'make'] }, 'unpack libpq-dev make for it'],
  [{ do: 'do-again', step: 'build' }, 'build again'],
  [{ do: 'write-overlay-file', path: '.env', text: 'SECRET=1' }, 'write .env into a copy'],
])('%j is told as "%s"', (action, words) => expect(told(action)).toBe(words));

test('a repair is one line of bounded length', () => {
  const line = told(env('A', `one\ntwo ${'x'.repeat(1_000)}`), env('B', 'b'));
  expect(line).toMatch(/^A=one two x+…$/);
  expect(line.length).toBeLessThan(300);
});
