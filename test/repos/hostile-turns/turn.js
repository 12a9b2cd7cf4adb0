// Turns on the machine: TURN=<install|app>:<kill|hog> says when, and how.
const { readlinkSync } = require('node:fs');

const [when, how] = (process.env.TURN ?? '').split(':');
if (when === 'install' && process.argv[2] === 'install') turn();
module.exports = when === 'app' ? turn : () => undefined;

function turn() {
  if (how === 'kill') {
    // Never where it would be meant: on a machine that shares its processes with it.
    if (readlinkSync('/proc/self/ns/pid') === process.env.OUTSIDE) throw new Error('not in here');
    console.log('killing everybody');
    process.kill(-1, 'SIGKILL'); // but itself
    process.kill(process.pid, 'SIGKILL');
  }
  if (how === 'hog') {
    console.log('taking memory without end');
    for (const held = []; ; ) held.push(Buffer.alloc(16 << 20, 1));
  }
}
