const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');
const page = readFileSync(join(__dirname, 'dist', 'page.html'), 'utf8');
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page);
}).listen(port, () => console.log('listening on ' + port));
