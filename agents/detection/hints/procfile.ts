/** Procfile: one `name: command` a line. `web` is what answers, `release` runs before it, every other name is a worker. */
import type { Hint } from '../contract.js';
import { portIn } from './commands.js';
import { type Source, type SourceFile, sayCommand, sayPort } from './source.js';

export const procfile: Source = {
  names: /^Procfile(?:\.dev)?$/,
  depth: 0,
  read(file: SourceFile): Hint[] {
    // Of two the one for development says nothing that counts beside the other.
    const develops = file.path.endsWith('.dev');
    const weight = !develops ? 0.9 : file.tree.has(file.path.replace(/\.dev$/, '')) ? 0.3 : 0.6;
    return file.text.split('\n').flatMap((text, index) => {
      const hit = /^([A-Za-z0-9_-]+):\s*(\S.*)$/.exec(text.trimEnd());
      if (hit === null) return [];
      const name = hit[1]!;
      const command = hit[2]!;
      const role = name === 'web' ? 'start' : name === 'release' ? 'release' : 'worker';
      const port = role === 'start' ? portIn(command) : null;
      return [
        { ...sayCommand(file, index + 1, weight, role, command), process: name } as Hint,
        ...(port === null ? [] : [sayPort(file, index + 1, 0.7, port)]),
      ];
    });
  },
};
