const http = require('node:http');
const turn = require('./turn.js');

http
  .createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Harmless</title><h1>Nothing to see here</h1>');
    if (request.method === 'POST') setTimeout(turn, 100);
  })
  .listen(process.env.PORT || 8080);
