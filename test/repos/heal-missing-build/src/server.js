const { createServer } = require('node:http');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a missing build</title><h1>heals a missing build</h1><p>' + "__STAMP__" + '</p>');
}).listen(port, () => console.log('listening on ' + port));
