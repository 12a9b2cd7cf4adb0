const http = require('node:http');

const goods = ['apples', 'pears'];
http
  .createServer((request, response) => {
    if (request.url === '/healthz') return response.end('ok');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ goods }));
  })
  .listen(Number(process.env.PORT ?? 4000));
