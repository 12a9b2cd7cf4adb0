/** The runtime itself at the front door: how it is, and its end. */
import { join } from 'node:path';
import { fail } from '../../runtime/errors.js';
import { identify } from '../../runtime/identity.js';
import type { Around, Handlers } from './around.js';
import type { opsVerbs } from './contract-ops.js';

export const opsHandlers = ({ config, life }: Around, version: string): Handlers<keyof typeof opsVerbs> => ({
  'ops.status': async () => ({
    host: config.host,
    ...identify(process.pid)!,
    version,
    state: config.state,
    log: join(config.state, 'hosts', config.host, 'host.log'),
    since: new Date(life.startedAt).toISOString(),
    stays: life.stays,
    draining: life.draining,
    open: life.openRuns(),
  }),
  'ops.drain': async ({ on }) => {
    life.draining = on;
    return { draining: on, open: life.openRuns() };
  },
  'ops.shutdown': async ({ host, pid, open }) => {
    // Several runtimes may hear one broker.
    if (host !== config.host || pid !== process.pid)
      throw fail('USAGE', {
        met: `this is host ${config.host}, pid ${process.pid}; ${host}, pid ${pid} was meant`,
        fix: 'ask ops.status who is there',
      });
    life.draining = true;
    const runs = life.openRuns();
    if (open === 'none' && (runs.length > 0 || life.taking > 0)) return { leaving: false, open: runs };
    if (open === 'abandon') for (const run of runs) life.abandon(run);
    setImmediate(() => life.leave()); // the answer goes first
    return { leaving: true, open: runs };
  },
});
