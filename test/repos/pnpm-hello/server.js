const { createServer } = require('node:http');
const ms = require('ms');

createServer((_, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(`<title>pnpm</title><p>Hello after ${ms('1m')} ms`);
}).listen(process.env.PORT || 4100);
