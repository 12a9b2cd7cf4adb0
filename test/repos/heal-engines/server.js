const { createServer } = require('node:http');
const { greet } = require('needs-newer');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals the engine of a dependency</title><h1>heals the engine of a dependency</h1><p>' + greet() + ' on node ' + process.versions.node + '</p>');
}).listen(port, () => console.log('listening on ' + port));
