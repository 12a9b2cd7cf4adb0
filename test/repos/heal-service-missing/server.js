const { createServer } = require('node:http');
const socket = require('node:net').connect(27017, '127.0.0.1');
socket.on('connect', () => socket.end());
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>needs a database</title><h1>needs a database</h1><p>' + 'ready' + '</p>');
}).listen(port, () => console.log('listening on ' + port));
