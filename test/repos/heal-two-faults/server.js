const { createServer } = require('node:http');
const secret = process.env[['SESSION', 'SECRET'].join('_')];
if (!secret) throw new Error('SESSION_SECRET is not set');
const isNumber = require('is-number');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals two faults</title><h1>heals two faults</h1><p>a secret of ' + secret.length + ' characters, one is a number: ' + isNumber(1) + '</p>');
}).listen(port, () => console.log('listening on ' + port));
