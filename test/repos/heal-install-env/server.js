require('./check.js');
const { createServer } = require('node:http');
const secret = process.env[['SESSION', 'SECRET'].join('_')];
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals an install that reads variables</title><h1>' + process.env[['GREETING', 'WORD'].join('_')] + '</h1><p>a secret of ' + secret.length + ' characters</p>');
}).listen(port, () => console.log('listening on ' + port));
