/**
 * The only way out of a sandbox with a network of its own and into it: the keeper's side. One unix socket a command, in a
 * folder that is read-only within; who connects says in its first line what it wants:
 *
 *   control            the other side (gate-within.ts) tells `listen <port>` and `quiet <port>`, and hears `open <n> <port>`
 *   accept <n>         the answer to `open`: the bytes of one connection from outside
 *   connect <host> <port>   a connection to outside; `ok` or `refused` comes back, then its bytes
 *
 * A host that is not on the list is refused here, on this side, whatever is done within. Names are looked up here too.
 *
 * A port is brought out at the same number, or, where somebody else has that on this machine, at a free one. Which of
 * them lead where stands in `<folder>/ports`: {"<port within>": <port of 127.0.0.1 and ::1>}.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

export interface Gate {
  /** Absolute, of this command alone. */
  folder: string;
  /** `host` (ports 80 and 443), `host:port`, `*.host`; null: every host. */
  allow: string[] | null;
  /** `at`: a port of this machine for the port `of` within, if that is taken here; null: for the first that is. Else any will do. */
  spare: { at: number; of: number | null } | null;
  /** An HTTP proxy through which all goes out, where there is one. */
  through: string | null;
}
/** Where the folder is seen within. */
export const GATE_AT = '/run/rr-gate';
/** Where the proxy listens within: nobody else is there. */
export const GATE_PORT = 61_080;

const LINE_LIMIT = 1_000;
const PORTS_LIMIT = 32;
const REFUSALS_LIMIT = 20;
const DIAL_MS = 30_000;

/** @param note hears each host that was refused, once. */
export async function openGate(
  { folder, allow, spare, through }: Gate,
  note: (text: string) => void,
): Promise<{ close(): void; closeIfUnused(): void }> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  rmSync(join(folder, 'out'), { force: true });
  const open = new Map<number, Socket>();
  const brought = new Map<number, Brought>();
  const sockets = new Set<Socket>();
  const refused = new Set<string>();
  let count = 0;
  let control: Socket | null = null;

  const quiet = (port: number): void => {
    const one = brought.get(port);
    if (one === undefined) return;
    brought.delete(port);
    one.isOver = true;
    for (const server of one.servers) server.close();
    tell();
  };
  const tell = (): void => {
    const ports = [...brought].flatMap(([port, { at }]) => (at === null ? [] : [[port, at]]));
    writeFileSync(`${portsPath(folder)}.new`, JSON.stringify(Object.fromEntries(ports)), { mode: 0o644 });
    renameSync(`${portsPath(folder)}.new`, portsPath(folder));
  };
  const listen = (port: number): void => {
    if (brought.has(port) || brought.size >= PORTS_LIMIT || port < 1024) return;
    const one: Brought = { at: null, servers: [], isOver: false };
    brought.set(port, one);
    const serve = (client: Socket): void => {
      keep(client);
      count += 1;
      open.set(count, client);
      client.on('close', () => open.delete(count));
      if (control?.write(`open ${count} ${port}\n`) === undefined) client.destroy();
    };
    bring(port, one, serve).catch((error: Error) =>
      note(`port ${port} cannot be reached from outside: ${error.message}`),
    );
  };
  const bring = async (port: number, one: Brought, call: (client: Socket) => void): Promise<void> => {
    // Whatever listens at that number within is to have it.
    const isMine = (spare?.of ?? port) === port && !brought.has(spare?.at ?? 0);
    for (const wanted of [port, ...(isMine ? [spare?.at ?? 0] : []), 0, 0, 0]) {
      const servers = await listenAt(wanted, call);
      if (servers === null) continue;
      if (one.isOver) {
        for (const server of servers) server.close();
        return;
      }
      one.servers = servers;
      one.at = (servers[0]!.address() as AddressInfo).port;
      if (one.at !== port) note(`port ${port} is taken on this machine: it is reached at 127.0.0.1:${one.at}`);
      return tell();
    }
    throw new Error('no port of this machine is free');
  };
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const join_ = (a: Socket, b: Socket): void => {
    a.pipe(b).on('error', () => a.destroy());
    b.pipe(a).on('error', () => b.destroy());
    a.on('close', () => b.destroy());
    b.on('close', () => a.destroy());
  };
  const dial = (client: Socket, host: string, port: number): void => {
    if (!isAllowed(allow, host, port)) {
      const name = `${host}:${port}`;
      if (!refused.has(name) && refused.size < REFUSALS_LIMIT) note(`refused: ${name} is no host that may be reached`);
      refused.add(name);
      client.end('refused\n');
      return;
    }
    const out = reach(host, port, through);
    out.then(
      (socket) => {
        keep(socket);
        client.write('ok\n');
        join_(client, socket);
      },
      (error: Error) => client.end(`failed ${error.message.replaceAll('\n', ' ').slice(0, 200)}\n`),
    );
  };
  const serve = (client: Socket): void => {
    keep(client);
    firstLine(client, (line) => {
      const [verb, first = '', second = ''] = line.split(' ');
      if (verb === 'control' && control === null) {
        control = client;
        client.on('close', close); // nothing lives in there any more
        lines(client, (told) => {
          const [what, number] = told.split(' ');
          const port = Number(number);
          if (!Number.isInteger(port) || port <= 0 || port > 65_535) return;
          if (what === 'listen') listen(port);
          if (what === 'quiet') quiet(port);
        });
      } else if (verb === 'accept') {
        const waiting = open.get(Number(first));
        open.delete(Number(first));
        if (waiting === undefined) client.destroy();
        else join_(waiting, client);
      } else if (verb === 'connect' && /^[\w.:-]{1,253}$/.test(first) && /^\d{1,5}$/.test(second))
        dial(client, first.toLowerCase(), Number(second));
      else client.destroy();
    });
  };

  const server = createServer(serve);
  const close = (): void => {
    server.close();
    for (const port of [...brought.keys()]) quiet(port);
    for (const socket of sockets) socket.destroy();
    rmSync(folder, { recursive: true, force: true });
  };
  // The folder's path may be longer than a socket's may be.
  const fd = openSync(folder, 'r');
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: `/proc/self/fd/${fd}/out`, readableAll: true, writableAll: true }, resolve);
    });
  } finally {
    closeSync(fd);
  }
  server.on('error', (error) => note(`gate: ${error.message}`));
  return {
    close,
    closeIfUnused() {
      if (control === null) close();
    },
  };
}

/** A port within, on its way out. */
interface Brought {
  /** null: not yet. */
  at: number | null;
  servers: Server[];
  isOver: boolean;
}
const portsPath = (folder: string): string => join(folder, 'ports');
/** Which ports within are reached at which of this machine's loopback. */
export function portsOut(folder: string): ReadonlyMap<number, number> {
  try {
    const ports = JSON.parse(readFileSync(portsPath(folder), 'utf8')) as Record<string, number>;
    return new Map(Object.entries(ports).map(([within, at]) => [Number(within), at]));
  } catch {
    return new Map(); // none yet, or the gate is closed
  }
}

/** Servers on a port of both loopback addresses; 0: any port. null: somebody else has it, on one of them. */
async function listenAt(wanted: number, call: (client: Socket) => void): Promise<Server[] | null> {
  const servers: Server[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const port = servers.length === 0 ? wanted : (servers[0]!.address() as AddressInfo).port;
    const server = createServer({ pauseOnConnect: true }, call);
    const failed = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once('error', resolve);
      server.listen({ port, host }, () => resolve(null));
    });
    if (failed === null) servers.push(server);
    else if (host === '127.0.0.1' || !['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(failed.code!)) {
      for (const one of servers) one.close();
      return null;
    }
  }
  return servers;
}

export function isAllowed(allow: readonly string[] | null, host: string, port: number): boolean {
  if (allow === null) return true;
  return allow.some((entry) => {
    const [, name = '', number] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase())!;
    if (number === undefined ? port !== 443 && port !== 80 : Number(number) !== port) return false;
    return name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
  });
}

/** A connection, through a proxy where there is one and the host is not this machine. */
async function reach(host: string, port: number, through: string | null): Promise<Socket> {
  const proxy = through === null || /^(localhost|127\.|::1$)/.test(host) ? null : new URL(through);
  const to = proxy === null ? { host, port } : { host: proxy.hostname, port: Number(proxy.port) || 80 };
  const socket = connect(to);
  socket.setTimeout(DIAL_MS, () => socket.destroy(new Error(`no connection within ${DIAL_MS / 1000} s`)));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  if (proxy !== null) {
    const login = proxy.username
      ? `Proxy-Authorization: Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}\r\n`
      : '';
    socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${login}\r\n`);
    const head = await new Promise<string>((resolve, reject) => {
      let heard = '';
      const hear = (data: Buffer): void => {
        heard += data.toString('latin1');
        const end = heard.indexOf('\r\n\r\n');
        if (end < 0 && heard.length < 8_192) return;
        socket.off('data', hear).pause();
        if (end >= 0 && heard.length > end + 4) socket.unshift(Buffer.from(heard.slice(end + 4), 'latin1'));
        resolve(heard.slice(0, end));
      };
      socket.on('data', hear).once('error', reject);
    });
    if (!/^HTTP\/1\.\d 2\d\d/.test(head)) throw new Error(`the proxy says ${head.split('\r\n')[0]}`);
  }
  socket.setTimeout(0);
  return socket;
}

/** Calls back with the first line; what follows it stays to be read. */
export function firstLine(socket: Socket, call: (line: string) => void): void {
  let heard = Buffer.alloc(0);
  const hear = (data: Buffer): void => {
    heard = Buffer.concat([heard, data]);
    const end = heard.indexOf(10);
    if (end < 0) {
      if (heard.length > LINE_LIMIT) socket.destroy();
      return;
    }
    socket.off('data', hear).pause();
    if (heard.length > end + 1) socket.unshift(heard.subarray(end + 1));
    call(heard.subarray(0, end).toString('latin1'));
  };
  socket.on('data', hear);
}
export function lines(socket: Socket, call: (line: string) => void): void {
  let held = '';
  socket.on('data', (data: Buffer) => {
    const parts = (held + data.toString('latin1')).split('\n');
    held = parts.pop()!;
    if (held.length > LINE_LIMIT) socket.destroy();
    for (const line of parts) call(line);
  });
  socket.resume();
}
