const http = require('node:http');

http
  .createServer((_request, response) => {
    response.end('for now');
    setTimeout(() => {
      throw new Error('the cache ran out of luck');
    }, 1_000);
  })
  .listen(process.env.PORT || 8080);
