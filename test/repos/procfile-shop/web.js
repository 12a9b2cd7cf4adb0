const { readFileSync } = require('node:fs');
const page = () => `<!doctype html><title>Shop</title><pre>${readFileSync('released.txt', 'utf8')}</pre>`;
require('node:http')
  .createServer((_request, response) => response.setHeader('content-type', 'text/html').end(page()))
  .listen(Number(process.env.PORT));
