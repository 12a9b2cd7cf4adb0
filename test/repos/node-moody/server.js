const http = require('node:http');

let isBad = false;
let sulks = 0;
http
  .createServer((request, response) => {
    if (request.method === 'POST') {
      isBad = request.url === '/bad';
      return response.end('as you wish');
    }
    if (!isBad) return response.end('<!doctype html><title>Moody</title><p>all is well');
    sulks += 1;
    console.error(`${new Date().toISOString()} Error: sulk number ${sulks}`);
    response.statusCode = 500;
    response.end('not now');
  })
  .listen(Number(process.env.PORT ?? 3000));
