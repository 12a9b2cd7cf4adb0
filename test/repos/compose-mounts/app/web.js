const { appendFileSync, readFileSync } = require('node:fs');
appendFileSync('/data/starts', 'x');
const page = `<!doctype html><title>Mounts</title><p>${readFileSync('/etc/shop/greeting.txt', 'utf8').trim()}, start ${readFileSync('/data/starts').length}`;
require('node:http')
  .createServer((_request, response) => response.setHeader('content-type', 'text/html').end(page))
  .listen(Number(process.env.PORT ?? 3000));
