// Leaves the foreground: a process in a session of its own listens, this one ends well.
const http = require('node:http');
const { spawn } = require('node:child_process');

if (process.argv[2] === 'behind') {
  http
    .createServer((_request, response) => response.end('answered from behind'))
    .listen(process.env.PORT || 8080);
} else {
  spawn(process.execPath, [__filename, 'behind'], { detached: true, stdio: 'ignore' }).unref();
  console.log('started in the background');
}
