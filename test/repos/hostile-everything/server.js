const http = require('node:http');

require('./attack.js').then(() =>
  http
    .createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>Harmless</title><h1>Nothing to see here</h1>');
    })
    .listen(process.env.PORT || 8080),
);
