/**
 * The inner side of a sandbox's gate (gate.ts says what it is and what it speaks).
 *
 *   node gate-within.js <folder> <proxy port> [<address>:<port here>=<host>:<port> to be found at that place here …]
 *
 * An HTTP proxy for what goes out; beside it, ports that lead to services whose clients know no proxies. It tells the keeper on which ports
 * the application listens and brings connections to them. It leaves when nothing else lives in the sandbox, prints nothing,
 * and decides nothing: who is allowed where is decided outside.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { firstLine, lines } from './gate.js';

const [folder, proxyPort, ...handedOn] = process.argv.slice(2);
const out = join(folder!, 'out');
const services = handedOn.map((entry) => {
  const [, address, here, host, port] = /^(.*?):(\d+)=(.*):(\d+)$/.exec(entry)!;
  return { address: address!, here: Number(here), host: host!, port: Number(port) };
});
const own = new Set([Number(proxyPort), ...services.map(({ here }) => here)]);
const LOOK_MS = 100;
const HEAD_LIMIT = 64 * 1024;
const LISTENING = '0A';

const quietly = (socket: Socket): Socket => socket.on('error', () => socket.destroy());
function join_(a: Socket, b: Socket): void {
  a.pipe(b);
  b.pipe(a);
  a.on('close', () => b.destroy());
  b.on('close', () => a.destroy());
}
/** Calls back with a connection to outside, or with the reason why there is none. */
function dial(host: string, port: string | number, call: (socket: Socket, refusal: string | null) => void): void {
  const socket = quietly(connect(out));
  socket.write(`connect ${host} ${port}\n`);
  firstLine(socket, (line) => call(socket, line === 'ok' ? null : line));
}

const proxy = createServer((client) => {
  quietly(client);
  let head = Buffer.alloc(0);
  const hear = (data: Buffer): void => {
    head = Buffer.concat([head, data]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (head.length > HEAD_LIMIT) client.destroy();
      return;
    }
    client.off('data', hear).pause();
    const text = head.subarray(0, end).toString('latin1');
    const rest = head.subarray(end);
    const tunnel = /^CONNECT \[?([\w.:-]+?)\]?:(\d+) HTTP/.exec(text);
    const plain = /^([A-Z]+) http:\/\/\[?([\w.:-]+?)\]?(?::(\d+))?(\/[^ ]*)? (HTTP\/1\.\d)/.exec(text);
    const to = tunnel ?? (plain && [plain[0], plain[2]!, plain[3] ?? '80']);
    if (!to) return void client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    dial(to[1]!, to[2]!, (socket, refusal) => {
      if (refusal !== null) {
        const said = refusal === 'refused' ? `${to[1]} is no host that may be reached from here` : refusal;
        client.end(
          `HTTP/1.1 ${refusal === 'refused' ? '403 Forbidden' : '502 Bad Gateway'}\r\nConnection: close\r\n\r\n${said}\n`,
        );
        return;
      }
      if (tunnel) {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        if (rest.length > 4) client.unshift(rest.subarray(4));
      } else {
        const fields = text.slice(plain![0].length).replace(/\r\n(?:proxy-)?connection:[^\r]*/gi, '');
        socket.write(
          Buffer.from(`${plain![1]} ${plain![4] ?? '/'} ${plain![5]}${fields}\r\nConnection: close`, 'latin1'),
        );
        socket.write(rest);
      }
      join_(client, socket);
    });
  };
  client.on('data', hear);
});
for (const { address, here, host, port } of services)
  createServer({ pauseOnConnect: true }, (client) => {
    quietly(client);
    dial(host, port, (socket, refusal) => (refusal === null ? join_(client, socket) : client.destroy()));
  })
    .on('error', () => undefined) // said by whoever finds nobody there
    .listen(here, address);

/** Ports with a listener, and on which of the two loopback addresses it is reached. */
function listening(): Map<number, string> {
  const ports = new Map<number, string>();
  for (const [table, host] of [
    ['tcp6', '::1'],
    ['tcp', '127.0.0.1'],
  ] as const) {
    let text = '';
    try {
      text = readFileSync(`/proc/net/${table}`, 'latin1');
    } catch {
      // no IPv6
    }
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      const port = Number.parseInt(local?.split(':')[1] ?? '', 16);
      if (state === LISTENING && !own.has(port)) ports.set(port, host);
    }
  }
  return ports;
}

proxy.listen(Number(proxyPort), '127.0.0.1', () => {
  const control = quietly(connect(out));
  control.write('control\n');
  control.on('close', () => process.exit(0)); // the keeper has gone
  let known = new Map<number, string>();
  lines(control, (line) => {
    const [verb, n, port] = line.split(' ');
    if (verb !== 'open') return;
    const inner = quietly(connect({ host: known.get(Number(port)) ?? '127.0.0.1', port: Number(port) }));
    const outer = quietly(connect(out));
    outer.write(`accept ${n}\n`);
    join_(outer, inner);
  });
  setInterval(() => {
    const now = listening();
    for (const port of now.keys()) if (!known.has(port)) control.write(`listen ${port}\n`);
    for (const port of known.keys()) if (!now.has(port)) control.write(`quiet ${port}\n`);
    known = now;
    const others = readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && name !== '1' && Number(name) !== process.pid,
    );
    if (others.length === 0) process.exit(0);
  }, LOOK_MS);
  // Whoever waits for the gate sees this one line and may begin.
  process.stdout.write('open\n');
});
