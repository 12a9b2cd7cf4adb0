import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../runtime/clock.js';
import { DEATHS, openPoison } from '../../runtime/poison.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'rr-poison-'));
const at = 'r1/clerk/clerk-1';

test('after a proper end nothing is written, whatever is taken', () => {
  const dir = folder();
  openPoison(dir, systemClock).close();
  const poison = openPoison(dir, systemClock);
  for (let n = 0; n < 100; n += 1) {
    expect(poison.taking(at, `m${n}`)).toBe(true);
    poison.taken(at, `m${n}`);
  }
  expect(readFileSync(join(dir, 'taking.log'), 'utf8')).toBe('open\n');
});

test('over any lives, a message that ends its process is refused after three deaths, and no other is', () => {
  const id = fc.string({ maxLength: 12 });
  // Each life takes some messages, each to its end, and then dies in one, in none, or ends well.
  const life = fc.record({ whole: fc.array(id, { maxLength: 5 }), end: fc.constantFrom('poison', 'killed', 'well') });
  fc.assert(
    fc.property(fc.array(life, { minLength: 1, maxLength: 12 }), id, (lives, deadly) => {
      const dir = folder();
      let [watched, isCareful, wasRefused] = [0, false, false];
      for (const { whole, end } of lives) {
        const poison = openPoison(dir, systemClock);
        for (const one of whole) {
          if (one === deadly) continue;
          expect(poison.taking(at, one)).toBe(true);
          poison.taken(at, one);
        }
        if (end === 'poison') {
          const takes = poison.taking(at, deadly);
          expect(takes).toBe(watched < DEATHS - 1);
          wasRefused ||= !takes;
          if ((isCareful || watched > 0) && takes) watched += 1; // a suspect is watched in every life
        }
        if (end === 'well' || (end === 'poison' && wasRefused)) {
          poison.close();
          isCareful = false;
        } else isCareful = true;
      }
    }),
  );
});

test('what is pardoned is taken again', () => {
  const dir = folder();
  for (let deaths = 0; deaths < DEATHS; deaths += 1) expect(openPoison(dir, systemClock).taking(at, 'm')).toBe(true);
  const poison = openPoison(dir, systemClock);
  expect(poison.taking(at, 'm')).toBe(false);
  poison.pardon(at, 'm');
  expect(poison.taking(at, 'm')).toBe(true);
});
