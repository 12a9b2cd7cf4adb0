const http = require('node:http');

console.log(JSON.stringify(process.env));
http
  .createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ greeting: process.env.GREETING ?? null, all: process.env }));
  })
  .listen(process.env.PORT || 8080);
