import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detectShell } from '../../../agents/detection/languages/shell.js';
import {
  blank,
  findAll,
  GO,
  GRADLE,
  HASH,
  JAVA,
  PHP,
  RUST,
  SHELL,
} from '../../../agents/detection/languages/source.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

test('a script that starts a server is a weak service, with the port it falls back to', async () => {
  const service = await found(detectShell, fixture('shell-start'));
  expect(service).toMatchObject({ kind: 'web-service', language: 'shell', commands: { start: 'sh start.sh' } });
  expect(service.ports).toEqual([{ number: 8088, from: 'start.sh:4' }]);
  expect(service.confidence).toBeLessThan(0.6);
  expect(claims(service)).toContain('reads PORT from the environment (start.sh:4)');
});

test.each([
  ['#!/usr/bin/env bash\necho hello\n', 'job', 'bash run.sh'],
  ['#!/bin/bash\nwhile true; do sleep 1; done\n', 'worker', 'bash run.sh'],
  ['# while true; do uvicorn\necho 1\n', 'job', 'sh run.sh'],
])('the script %j is a %s', async (text, kind, start) => {
  expect(await found(detectShell, scratch({ 'run.sh': text }))).toMatchObject({ kind, commands: { start } });
});

test('a program of another interpreter is not taken for a shell script', async () => {
  expect(await look(detectShell, scratch({ 'run.sh': '#!/usr/bin/env python3\nprint(1)\n' }))).toBeNull();
  expect(await look(detectShell, fixture('go-http'))).toBeNull();
});

test('blanking keeps length and lines of any text, and hides what is quoted or commented', () => {
  const bits = fc.constantFrom('"', "'", '`', '"""', '\\', '/*', '*/', '//', '#', '\n', 'a', ' ', 'é', "'a'");
  fc.assert(
    fc.property(fc.array(bits), fc.constantFrom(GO, RUST, JAVA, PHP, HASH, SHELL, GRADLE), (parts, syntax) => {
      const text = parts.join('');
      const code = blank(text, syntax);
      expect(code.length).toBe(text.length);
      expect(code.split('\n').length).toBe(text.split('\n').length);
    }),
    { numRuns: 500 },
  );
  const text = 'a // x\nb /* x\nx */ c "x\\"x" d\ne \'"\' x';
  expect(findAll({ file: 'f', text, code: blank(text, JAVA) }, /x/g).map(({ line }) => line)).toEqual([4]);
});
