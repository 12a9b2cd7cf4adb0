const http = require('node:http');

http
  .createServer((_request, response) => response.end('for now'))
  .listen(process.env.PORT || 8080, () =>
    setTimeout(() => {
      throw new Error('the cache ran out of luck');
    }, 1_000),
  );
