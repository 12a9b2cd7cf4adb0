/** Whether anybody answers at an address: asked as a client would ask, to the first byte that comes back. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Address {
  host: string;
  port: number;
}
/** What is known of a web server beside its address. */
export interface Site {
  /** As in its URL; null: not known. */
  name: string | null;
  tls: boolean;
}
/**
 * `answers`: a byte, or a clear no (refused, closed, unreachable), which whoever asked for it hears too; `silent`: it
 * takes connections and sends nothing; `closed`: it takes none and refuses none.
 */
export type Answer = 'answers' | 'silent' | 'closed';

/**
 * Asks for the head of a site's first page; where nobody knows what to say there (null), whether it takes connections.
 * Never throws; called off it is `answers`, for nothing is known against it.
 */
export function ask(address: Address, site: Site | null, limitMs: number, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const { name, tls } = site ?? { name: null, tls: false };
    let connected = false;
    const raw = connectTcp({ host: address.host, port: address.port });
    const tell = (answer: Answer): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', callOff);
      raw.destroy();
      resolve(answer);
    };
    const callOff = (): void => tell('answers');
    const timer = setTimeout(() => tell(connected ? 'silent' : 'closed'), limitMs);
    signal?.addEventListener('abort', callOff, { once: true });
    if (signal?.aborted) return callOff();

    const request = (socket: Socket): void => {
      const host = name ?? (isIP(address.host) === 6 ? `[${address.host}]` : address.host);
      socket.write(`HEAD / HTTP/1.1\r\nHost: ${host}:${address.port}\r\nAccept: */*\r\nConnection: close\r\n\r\n`);
    };
    const heard = (): void => tell('answers');
    raw.on('connect', () => {
      connected = true;
      if (site === null) heard();
      else if (!tls) request(raw);
    });
    raw.on('error', heard).on('close', heard);
    if (!tls) return void raw.on('data', heard);
    // Who it is does not matter, only that somebody is there: nothing is told to it and nothing of it is believed.
    const secured = connectTls({
      socket: raw,
      rejectUnauthorized: false,
      ...(name === null || isIP(name) ? {} : { servername: name }),
    });
    secured.on('secureConnect', () => {
      if (name === null)
        heard(); // without its name there is nothing to ask it for
      else request(secured);
    });
    secured.on('data', heard).on('error', heard);
  });
}
