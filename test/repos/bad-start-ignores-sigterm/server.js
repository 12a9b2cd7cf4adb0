const http = require('node:http');

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => console.log(`${signal}? no`));
http
  .createServer((_request, response) => response.end('here to stay'))
  .listen(process.env.PORT || 8080);
