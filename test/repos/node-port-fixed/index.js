const http = require('node:http');

// Takes no notice of PORT.
http
  .createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Fixed</title><h1>Hello from port 39217</h1>');
  })
  .listen(39217);
