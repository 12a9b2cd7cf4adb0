const { createServer } = require('node:http');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a missing script</title><h1>heals a missing script</h1><p>' + 'ready' + '</p>');
}).listen(port, () => console.log('listening on ' + port));
