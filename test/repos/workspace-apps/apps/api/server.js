const { createServer } = require('node:http');
const greeting = require('@shop/greeting');

createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.statusCode = request.url === '/api/health' ? 200 : 404;
  response.end(JSON.stringify({ says: greeting('the API') }));
}).listen(process.env.PORT || 4500);
