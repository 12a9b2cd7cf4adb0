/** The private databases of runs at the front door; what is read is on disk, so it is told without a runtime too. */
import { existsSync } from 'node:fs';
import { readEntries } from '../../agents/database/entries.js';
import { bundleOf } from '../../checkpoints/bundle.js';
import { readHolder } from '../../providers/services/lodging.js';
import { fail } from '../../runtime/errors.js';
import { isAlive } from '../../runtime/identity.js';
import type { Around, Handlers } from './around.js';
import type { Response } from './contract.js';
import type { databaseVerbs } from './contract-databases.js';

/** @throws RUN_UNKNOWN */
export function databasesOf(state: string, run: string): Response<'databases.list'> {
  const bundle = bundleOf(state, run);
  if (!existsSync(bundle)) throw fail('RUN_UNKNOWN', { run });
  const databases = readEntries(bundle).map(({ kind, url, data, shell, dump, serve }) => {
    const holder = readHolder(serve.cwd);
    const up = holder !== null && holder.run === run && holder.app !== null && isAlive(holder);
    return { kind, up, url, data, shell, dump, serve };
  });
  return { run, databases };
}

export const databaseHandlers = ({ config }: Around): Handlers<keyof typeof databaseVerbs> => ({
  'databases.list': async ({ run }) => databasesOf(config.state, run),
});
