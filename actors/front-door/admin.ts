/** Actors at the front door. */
import type { Around, Handlers } from './around.js';
import type { adminVerbs } from './contract-admin.js';

export const adminHandlers = ({ system, config }: Around): Handlers<keyof typeof adminVerbs> => ({
  'admin.tree': async () => ({ host: config.host, actors: system.living() }),
});
