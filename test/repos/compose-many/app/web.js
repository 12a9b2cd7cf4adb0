const { readFileSync } = require('node:fs');
const page = () =>
  `<!doctype html><title>Many</title><p>${process.env.GREETING}, ${readFileSync('prepared.txt', 'utf8')}`;
require('node:http')
  .createServer((_request, response) => response.setHeader('content-type', 'text/html').end(page()))
  .listen(Number(process.env.PORT ?? 3000));
