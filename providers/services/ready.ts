/** Whether a server is ready to serve, asked in its own protocol: one that listens may still be reading its data. */
import { connect } from 'node:net';
import type { Lodging, ServiceKind, Wish } from './kind.js';

const ASK_MS = 2_000;

export function isReady(kind: ServiceKind, lodging: Lodging, wish: Wish): Promise<boolean> {
  const { send, isReady: fits } = kind.ask(lodging, wish);
  return new Promise((resolve) => {
    const socket = connect({ host: lodging.host, port: lodging.port });
    const parts: Buffer[] = [];
    const tell = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ASK_MS, () => tell(false));
    socket.on('error', () => tell(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () => {
      if (send.length > 0) socket.write(send);
    });
    socket.on('data', (part: Buffer) => {
      parts.push(part);
      if (fits(Buffer.concat(parts))) tell(true);
    });
  });
}
