const { createServer } = require('node:http');
const port = 18000 + 563;
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a port that is fixed</title><h1>heals a port that is fixed</h1><p>' + 'ready' + '</p>');
}).listen(port, () => console.log('listening on ' + port));
