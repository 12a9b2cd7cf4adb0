/** What tests need that run beside each other: turns and ports of their own. */
import { createServer } from 'node:net';
import type { scratch } from './rr.js';

export type Finished = NonNullable<Parameters<typeof scratch>[1]>;

const AT_A_TIME = 2;
let free = AT_A_TIME;
const waiting: (() => void)[] = [];
/** Two at a time: more would only share the same cores. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (free > 0) free--;
  else await new Promise<void>((go) => waiting.push(go));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }
}

export async function hold(port: number, finished: Finished): Promise<void> {
  const server = createServer();
  await new Promise<void>((held) => server.listen(port, held));
  finished(() => void server.close());
}
