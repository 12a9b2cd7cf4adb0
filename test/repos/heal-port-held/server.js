const { createServer } = require('node:http');
const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a port that is held</title><h1>heals a port that is held</h1><p>' + 'ready' + '</p>');
}).listen(port, () => console.log('listening on ' + port));
