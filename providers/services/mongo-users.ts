/**
 * Makes the users of a MongoDB that is up: `node mongo-users.js <settings>`, a file with the address and who is to log in.
 * A server without rights still refuses a login that it does not know, and its package has no client that could make one.
 *
 * Speaks OP_MSG (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/) with the few types of BSON it takes.
 * Users are made where a client looks for them: in `admin` and in the database of its address. Node built-ins only.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { bson, numberIn, textIn, type Value } from './bson.js';

interface Settings {
  host: string;
  port: number;
  logins: { user: string; password: string; database: string }[];
}
const OP_MSG = 2_013;
/** Of a server that has a user of that name already. */
const EXISTS = 51_003;
const ANSWER_MS = 10_000;

const { host, port, logins } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Settings;

function ask(socket: Socket, command: Record<string, Value>): Promise<Buffer> {
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), bson(command)]);
  const head = Buffer.alloc(16);
  head.writeInt32LE(16 + body.length, 0);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(OP_MSG, 12);
  return new Promise((resolve, reject) => {
    let heard: Buffer = Buffer.alloc(0);
    const take = (part: Buffer): void => {
      heard = Buffer.concat([heard, part]);
      if (heard.length < 4 || heard.length < heard.readInt32LE(0)) return;
      socket.off('data', take);
      // Head, flags, the kind of the section, then its document.
      resolve(heard.subarray(21));
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.once('timeout', () => reject(new Error(`${host}:${port} does not answer`)));
    socket.write(Buffer.concat([head, body]));
  });
}

const socket = connect({ host, port });
socket.setTimeout(ANSWER_MS);
try {
  for (const { user, password, database } of logins)
    for (const $db of new Set(['admin', database || 'admin'])) {
      const more = { pwd: password, roles: [{ role: 'root', db: 'admin' }], $db };
      let answer = await ask(socket, { createUser: user, ...more });
      if (numberIn(answer, 'code') === EXISTS) answer = await ask(socket, { updateUser: user, ...more });
      if (numberIn(answer, 'ok') !== 1) throw new Error(`${user} in ${$db}: ${textIn(answer, 'errmsg') ?? 'refused'}`);
    }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  socket.destroy();
}
