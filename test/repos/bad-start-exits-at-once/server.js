const http = require('node:http');

const server = http.createServer((_request, response) => response.end('never said'));
if (process.env.NEVER_SET) server.listen(process.env.PORT || 8080);
console.log('done already');
