// Tries, once each and bounded, what code that nobody trusts would try; prints what came of it as one line of JSON.
// Where things lie is told in ATTACK, as to somebody who knows the machine.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const { read, write, pid, port, socket: daemon, abstract } = JSON.parse(process.env.ATTACK);
const tries = {};
const attempt = (name, act) => {
  try {
    tries[name] = `done: ${String(act() ?? '').slice(0, 60)}`;
  } catch (error) {
    tries[name] = error.code ?? `status ${error.status ?? error.message}`;
  }
};
const run = (...words) => execFileSync(words[0], words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 });

for (const [name, file] of Object.entries(read)) attempt(`read ${name}`, () => fs.readFileSync(file, 'utf8'));
for (const [name, file] of Object.entries(write)) attempt(`write ${name}`, () => fs.writeFileSync(file, 'pwned'));
attempt('list the temporary folder', () => {
  const others = fs.readdirSync('/tmp').filter((one) => /^rr-(?!e2e)|^rr-\d/.test(one));
  if (others.length === 0) throw Object.assign(new Error(), { code: 'EMPTY' });
  return others.join(' ');
});
attempt('follow a link out', () => {
  fs.mkdirSync('node_modules', { recursive: true });
  fs.rmSync('node_modules/out', { force: true });
  fs.symlinkSync(read.key, 'node_modules/out');
  return fs.readFileSync('node_modules/out', 'utf8');
});
attempt('climb out by ..', () => fs.readFileSync(path.join(process.cwd(), '../'.repeat(20), read.key), 'utf8'));
attempt('see the environment of others', () => {
  const seen = fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one)).flatMap((one) => {
    try {
      return fs.readFileSync(`/proc/${one}/environ`, 'utf8').includes('HOSTILE_SECRET=') ? [one] : [];
    } catch {
      return [];
    }
  });
  if (seen.length === 0) throw Object.assign(new Error(), { code: 'EMPTY' });
  return seen.join(' ');
});
attempt('steal the environment', () => {
  const secrets = Object.keys(process.env).filter((name) => /SECRET|API_KEY|PASSWORD/.test(name));
  if (secrets.length === 0) throw Object.assign(new Error(), { code: 'EMPTY' });
  return secrets.join(' ');
});
attempt('write into the memory of a process', () => fs.closeSync(fs.openSync(`/proc/${pid}/mem`, 'r+')));
attempt('trace a process', () => run('python3', '-c', `
import ctypes, sys
sys.exit(ctypes.CDLL(None).ptrace(16, ${pid}, 0, 0) != 0)`)); // PTRACE_ATTACH; let go with the end of that
attempt('signal the keeper', () => {
  const keepers = fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one) && Number(one) !== process.pid).filter((one) => {
    try {
      return /keeper\.js/.test(fs.readFileSync(`/proc/${one}/cmdline`, 'utf8')) && process.kill(Number(one), 0);
    } catch {
      return false;
    }
  });
  if (keepers.length === 0) throw Object.assign(new Error(), { code: 'EMPTY' });
  return keepers.join(' ');
});
attempt('kill a process', () => process.kill(pid, 'SIGKILL'));
attempt('be root', () => {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  if (/^CapEff:\s+0+$/m.test(status) && process.getuid() !== 0) throw Object.assign(new Error(), { code: 'NOBODY' });
  return 'root';
});
attempt('get capabilities', () => run('unshare', '-rn', 'true'));
// Nothing is changed where it can be opened: what stands there is written again.
for (const file of ['/proc/sys/kernel/core_pattern', '/sys/kernel/mm/transparent_hugepage/enabled'])
  attempt(`open ${file}`, () => fs.closeSync(fs.openSync(file, 'r+')));
attempt('leave the limits', () => {
  for (const line of fs.readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')) {
    const [, names] = line.split(':');
    fs.closeSync(fs.openSync(`/sys/fs/cgroup/${names || ''}/cgroup.procs`, 'r+'));
  }
});

const dial = (name, to, say, wait = 1_500) =>
  new Promise((resolve) => {
    let heard = '';
    const end = (text) => {
      tries[name] ??= text;
      socket.destroy();
      resolve();
    };
    const socket = net.connect(to, () => say && socket.write(say));
    socket.setTimeout(wait, () => end(`heard: ${heard.replace(/INFO \{.*?\}\s*/s, '').trim().slice(0, 80) || 'nothing'}`));
    socket.on('data', (data) => {
      heard += data;
    });
    socket.on('end', () => end(`heard: ${heard.replace(/INFO \{.*?\}\s*/s, '').trim().slice(0, 80)}`));
    socket.on('error', (error) => end(error.code));
  });
const bind = (name, number) =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', (error) => resolve((tries[name] = error.code)));
    server.listen(number, '127.0.0.1', () => {
      tries[name] = 'done';
      server.close(resolve);
    });
  });
module.exports = (async () => {
  await dial('talk to the broker without credentials', { port, host: '127.0.0.1' }, 'CONNECT {}\r\nSUB rr.> 1\r\nPING\r\n');
  await bind("bind the broker's port", port);
  await dial('reach a daemon', { path: daemon }, null);
  await dial('reach a socket without a path', { path: `\0${abstract}` }, null);
  process.stdout.write(`ATTACK ${JSON.stringify(tries)}\n`);
})();
