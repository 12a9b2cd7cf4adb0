#!/usr/bin/env node
/** The `rr` program. What costs time to load is loaded when a command needs it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../runtime/program.js';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  process.stdout.write(`${version}\n`);
} else {
  const { runCli } = await import('./program.js');
  await runCli(process.argv);
  // Everything is said and done: a connection that will not close keeps nobody here.
  setTimeout(() => process.exit(), 3_000).unref();
}
