/**
 * A folder that holds one tool and nothing else, to put before PATH.
 *
 * The folder a tool lies in will not do: with /usr/bin put before PATH for the sake of Python, a Node chosen elsewhere
 * would be hidden by the one in /usr/bin. So each tool chosen on the machine gets a folder of links.
 * Guarantees: a folder appears whole (made aside, then renamed) and is never changed; two that make it at once agree.
 */

import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { quote } from '../../runtime/shell.js';
import { executable } from './places.js';
import { type ToolName, tools } from './tools.js';

/** Name in the folder → the file it leads to, or a script. */
export type Entries = Record<string, { to: string } | { script: string }>;

/** Puts a file of links and scripts into `folder`, which exists. */
export function writeEntries(folder: string, entries: Entries): void {
  for (const [name, entry] of Object.entries(entries)) {
    const path = join(folder, name);
    if ('to' in entry) symlinkSync(entry.to, path);
    else {
      writeFileSync(path, entry.script);
      chmodSync(path, 0o755);
    }
  }
}

/** Runs a JavaScript file by the Node that lies beside the script. */
export const nodeScript = (file: string): string => `#!/bin/sh\nexec "$(dirname "$0")/node" ${quote(file)} "$@"\n`;

/** What belongs beside a found program. @param npmCli npm's own file, for a Node that came without npm. */
export function entriesOf(tool: ToolName, program: string, npmCli: string | null): Entries {
  const { programs, beside } = tools[tool];
  const entries: Entries = { [programs[0]!]: { to: executable(program)! } };
  for (const name of beside) {
    const to = executable(join(dirname(program), name)) ?? executable(join(dirname(executable(program)!), name));
    if (to !== null) entries[name] = { to };
  }
  if (tool === 'python') {
    // Scripts, not links: a virtual environment made through a link would look for its library beside the link.
    const real = executable(program)!;
    const python = { script: `#!/bin/sh\nexec ${quote(real)} "$@"\n` };
    const pip = { script: `#!/bin/sh\nexec ${quote(real)} -m pip "$@"\n` };
    return { python3: python, python, [basename(real)]: python, pip, pip3: pip };
  }
  if (tool === 'node' && npmCli !== null)
    for (const name of ['npm', 'npx'])
      entries[name] ??= { script: nodeScript(join(dirname(npmCli), `${name}-cli.js`)) };
  return entries;
}

/** @returns the folder of links, made when it is not there. */
export function linkTool(cache: string, tool: ToolName, version: string, entries: Entries): string {
  const key = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 10);
  const folder = join(cache, 'toolchains', 'links', `${tool}-${version}-${key}`);
  if (existsSync(folder)) {
    if (readdirSync(folder).length === Object.keys(entries).length) return folder;
    rmSync(folder, { recursive: true, force: true }); // somebody cleaned up half of it
  }
  const aside = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}`;
  mkdirSync(aside, { recursive: true });
  writeEntries(aside, entries);
  try {
    renameSync(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another made the same just now
  }
  return folder;
}
