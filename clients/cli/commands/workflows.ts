/** `rr workflows`: those there are, one of them, or whether a file of one's own is whole. Reads files; needs no runtime. */
import { readFileSync } from 'node:fs';
import { fail } from '../../../runtime/errors.js';
import { checkWorkflow, listWorkflows, showWorkflow } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

export async function workflows(
  { config, json }: Globals,
  what: string,
  name: string | undefined,
  { mermaid }: { mermaid: boolean },
): Promise<number> {
  const named = (): string => {
    if (name !== undefined) return name;
    throw fail('USAGE', {
      met: `rr workflows ${what} needs a name`,
      fix: `write for example rr workflows ${what} check`,
    });
  };
  switch (what) {
    case 'list':
      for (const one of await listWorkflows(config)) {
        if (json) print(JSON.stringify({ type: 'workflow', ...one }));
        else {
          print(`${one.name.padEnd(16)} ${one.about ?? (one.file ? one.file : '')}`.trimEnd());
          for (const fault of one.faults) print(`  ! ${fault}`);
        }
      }
      return codes.ok;
    case 'show': {
      const shown = await showWorkflow(config, named());
      if (json) print(JSON.stringify({ type: 'workflow', ...shown }));
      else if (mermaid) process.stdout.write(shown.mermaid);
      else print(JSON.stringify(shown.definition, null, 2));
      return codes.ok;
    }
    case 'check': {
      const file = named();
      const { name: called, faults } = await checkWorkflow(config, read(file));
      if (json) print(JSON.stringify({ type: 'check', name: called, faults }));
      else if (faults.length === 0) print(`${called} is whole`);
      else for (const fault of faults) print(`! ${fault}`);
      return faults.length === 0 ? codes.ok : codes.usage;
    }
  }
  throw fail('USAGE', { met: `rr workflows ${what}`, fix: 'write rr workflows list, show NAME or check FILE' });
}

/** @throws PATH_MISSING, PATH_UNREADABLE */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw fail('USAGE', { met: `there is no file ${file}`, fix: 'give the path of a definition, JSON or YAML' });
    throw fail('PATH_UNREADABLE', { path: file, met: code }, error);
  }
}
