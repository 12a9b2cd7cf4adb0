// A bounded tree of processes (1 + 3 + 9 + 27 at most) in sessions of their own, half of them deaf to SIGTERM, none of which ends.
const { spawn } = require('node:child_process');
const depth = Number(process.argv[2] ?? 0);
if (depth % 2 === 1) process.on('SIGTERM', () => undefined);
if (depth < 3)
  for (let n = 0; n < 3; n += 1)
    spawn(process.execPath, ['--max-old-space-size=32', __filename, String(depth + 1)], {
      detached: depth !== 1,
      stdio: 'ignore',
    }).unref();
setInterval(() => undefined, 1_000);
