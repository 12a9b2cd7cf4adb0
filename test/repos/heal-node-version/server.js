const { createServer } = require('node:http');
if (Number(process.versions.node.split('.')[0]) < 22) {
  console.error('This application requires Node.js 22 or newer, found ' + process.version);
  process.exit(1);
}
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a check of the version</title><h1>heals a check of the version</h1><p>' + 'node ' + process.versions.node + '</p>');
}).listen(port, () => console.log('listening on ' + port));
