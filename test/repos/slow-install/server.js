const { createServer } = require('node:http');

createServer((_, res) => {
  res.setHeader('content-type', 'text/html');
  res.end(`<!doctype html><title>Slow</title><h1>Hello from process ${process.pid}</h1>`);
}).listen(process.env.PORT || 3000, () => console.log('listening'));
