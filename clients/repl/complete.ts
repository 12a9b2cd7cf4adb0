/** Completion from what is there: addresses and runs within quotes, the commands an actor hears, verbs; else node's own. */
import type { CompleterResult } from 'node:readline';
import { verbs } from '../../actors/front-door/contract.js';
import type { Client } from '../cli/connect.js';

type Complete = (line: string, done: (error: Error | null, result?: CompleterResult) => void) => void;

/** What stands open at the end of a line: which call, and the text begun within its quotes. */
export const openAt = (line: string): { call: string; begun: string; address: string | null } | null => {
  const match =
    /(?:^|[^\w.])(?:(actor|run|spawn|ask|watch)\(\s*|actor\((['"])([^'"]+)\2\)\.(send)\(\{\s*type:\s*)(['"])([^'"]*)$/.exec(
      line,
    );
  if (!match) return null;
  return { call: match[1] ?? match[4]!, begun: match[6]!, address: match[3] ?? null };
};

export const completer =
  (client: Pick<Client, 'call'>, fallback: Complete): Complete =>
  (line, done) => {
    const open = openAt(line);
    if (!open) return fallback(line, done);
    candidates(client, open).then(
      (all) => done(null, [all.filter((one) => one.startsWith(open.begun)), open.begun]),
      () => done(null, [[], open.begun]), // nobody there to ask: nothing to offer
    );
  };

async function candidates(
  client: Pick<Client, 'call'>,
  { call, address }: { call: string; address: string | null },
): Promise<string[]> {
  switch (call) {
    case 'ask':
      return Object.keys(verbs);
    case 'run':
      return (await client.call('runs.list', { all: true })).runs.map(({ run }) => run);
    case 'actor':
    case 'watch':
      return (await client.call('admin.tree', {})).actors.map((one) => one.address);
    case 'spawn':
      return (await client.call('admin.kinds', {})).kinds.map(({ kind }) => kind);
    default: {
      const kind = address?.split('/')[1];
      const { kinds } = await client.call('admin.kinds', {});
      return kinds.find((one) => one.kind === kind)?.hears ?? [];
    }
  }
}
