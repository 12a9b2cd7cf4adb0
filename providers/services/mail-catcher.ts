/**
 * Takes mail by SMTP and keeps it: `node mail-catcher.js <host> <port> <folder>`. Node built-ins only.
 *
 * Anybody may log in with anything. Messages become `<n>.eml` in the folder, whole or not at all, with the envelope in two
 * header lines of ours. Bounded: a message, a line and what is kept in all; beyond that a sender is told so, as SMTP has it.
 */
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

const MESSAGE_BYTES = 32 * 1024 * 1024;
const KEPT_BYTES = 512 * 1024 * 1024;
const LINE_BYTES = 8 * 1024;
const RECIPIENTS = 1_000;
const IDLE_MS = 5 * 60_000;

const [host = '127.0.0.1', port = '1025', folder = '.'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true, mode: 0o700 });
const before = readdirSync(folder).filter((name) => name.endsWith('.eml'));
let count = before.length;
let kept = before.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** @returns the message's number; null when there is no room for it. */
function keep(from: string, to: readonly string[], body: Buffer): number | null {
  if (kept + body.length > KEPT_BYTES) return null;
  const name = String(count + 1).padStart(5, '0');
  const head = `X-Envelope-From: ${from}\r\nX-Envelope-To: ${to.join(', ')}\r\n`;
  try {
    writeFileSync(join(folder, `.${name}.part`), Buffer.concat([Buffer.from(head), body]), { mode: 0o600 });
    renameSync(join(folder, `.${name}.part`), join(folder, `${name}.eml`));
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
  count += 1;
  kept += body.length;
  console.log(`${name}.eml from ${from} to ${to.join(', ')}, ${body.length} bytes`);
  return count;
}

function serve(client: Socket): void {
  let held: Buffer = Buffer.alloc(0);
  let from: string | null = null;
  let to: string[] = [];
  let body: Buffer[] | null = null;
  let bytes = 0;
  /** What the next line is, when it is no command: an answer to AUTH. */
  let asks = 0;
  const say = (line: string): void => void (client.writable && client.write(`${line}\r\n`));
  const reset = (): void => {
    [from, to, body, bytes] = [null, [], null, 0];
  };
  const address = (text: string): string => (/<([^>\r\n]*)>/.exec(text)?.[1] ?? text.trim()).slice(0, 320);

  const command = (line: string): void => {
    if (asks > 0) {
      asks -= 1;
      return say(asks > 0 ? '334 UGFzc3dvcmQ6' : '235 2.7.0 ok');
    }
    const [, verb = '', rest = ''] = /^(\w+)[ \t]*(.*)$/.exec(line) ?? [];
    switch (verb.toUpperCase()) {
      case 'EHLO':
        reset();
        return [
          '250-ready',
          `250-SIZE ${MESSAGE_BYTES}`,
          '250-8BITMIME',
          '250-SMTPUTF8',
          '250 AUTH PLAIN LOGIN',
        ].forEach(say);
      case 'HELO':
        reset();
        return say('250 ready');
      case 'AUTH': {
        const [how = '', first] = rest.split(/\s+/);
        asks = how.toUpperCase() === 'LOGIN' ? (first ? 1 : 2) : first ? 0 : 1;
        return say(
          asks === 0
            ? '235 2.7.0 ok'
            : asks === 2
              ? '334 VXNlcm5hbWU6'
              : how.toUpperCase() === 'LOGIN'
                ? '334 UGFzc3dvcmQ6'
                : '334 ',
        );
      }
      case 'MAIL':
        reset();
        from = address(rest.replace(/^from:/i, ''));
        return say('250 2.1.0 ok');
      case 'RCPT':
        if (from === null) return say('503 5.5.1 MAIL first');
        if (to.length >= RECIPIENTS) return say('452 4.5.3 too many recipients');
        to.push(address(rest.replace(/^to:/i, '')));
        return say('250 2.1.5 ok');
      case 'DATA':
        if (to.length === 0) return say('503 5.5.1 RCPT first');
        body = [];
        return say('354 end with a dot');
      case 'RSET':
        reset();
        return say('250 2.0.0 ok');
      case 'NOOP':
        return say('250 2.0.0 ok');
      case 'VRFY':
        return say('252 2.1.5 send and see');
      case 'QUIT':
        say('221 2.0.0 bye');
        return void client.end();
      default:
        return say('502 5.5.2 not known here');
    }
  };
  const dataLine = (line: Buffer): void => {
    const text = line.toString('latin1');
    if (text !== '.') {
      const plain = text.startsWith('.') ? line.subarray(1) : line;
      bytes += plain.length + 2;
      if (bytes <= MESSAGE_BYTES) body!.push(plain, Buffer.from('\r\n'));
      return;
    }
    const number = bytes > MESSAGE_BYTES ? null : keep(from!, to, Buffer.concat(body!));
    say(
      number !== null
        ? `250 2.0.0 kept as ${number}`
        : bytes > MESSAGE_BYTES
          ? '552 5.3.4 too large'
          : '452 4.3.1 no room left',
    );
    reset();
  };

  client.setTimeout(IDLE_MS, () => client.destroy());
  client.on('error', () => client.destroy()); // it went away: what it had not ended is not kept
  client.on('data', (part: Buffer) => {
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      const line = held.subarray(0, end > 0 && held[end - 1] === 13 ? end - 1 : end);
      held = held.subarray(end + 1);
      if (body !== null) dataLine(line);
      else command(line.toString('utf8'));
    }
    if (held.length > (body === null ? LINE_BYTES : MESSAGE_BYTES)) {
      say('500 5.5.2 the line is too long');
      client.destroy();
    }
  });
  say('220 ready to keep what is sent');
}

const server = createServer(serve);
server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(port), host, () => console.log(`keeps mail in ${folder}`));
