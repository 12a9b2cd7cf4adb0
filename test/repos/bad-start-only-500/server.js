const http = require('node:http');

http
  .createServer((_request, response) => {
    response.statusCode = 500;
    response.end('TypeError: Cannot read properties of undefined');
  })
  .listen(process.env.PORT || 8080);
