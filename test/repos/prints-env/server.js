const http = require('node:http');

console.log(`I was given ${Object.keys(process.env).length} variables`);
http
  .createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/env' ? process.env : { named: Object.keys(process.env) }));
  })
  .listen(process.env.PORT || 8080);
