const { createServer } = require('node:http');
const greeting = require('@shop/greeting');

createServer((_, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(`<title>Admin</title><h1>${greeting('the admin page')}</h1>`);
}).listen(process.env.PORT || 4600);
