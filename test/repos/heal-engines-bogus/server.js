const { createServer } = require('node:http');
const isNumber = require('is-number');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals an engine nobody has</title><h1>heals an engine nobody has</h1><p>' + 'one is a number: ' + isNumber(1) + '</p>');
}).listen(port, () => console.log('listening on ' + port));
