const { createServer } = require('node:http');
const settings = Object.fromEntries(
  require('node:fs')
    .readFileSync('.env', 'utf8')
    .split('\n')
    .filter((line) => line.includes('=') && !line.startsWith('#'))
    .map((line) => line.split('=')),
);
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a missing .env</title><h1>heals a missing .env</h1><p>' + settings.GREETING + ', a secret of ' + settings.SESSION_SECRET.length + ' characters</p>');
}).listen(port, () => console.log('listening on ' + port));
