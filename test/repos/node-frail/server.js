const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

/** Read when it is asked for, as templates are. */
const page = () =>
  ['dist/page.html', 'node_modules/words/hello.txt'].map((path) => readFileSync(join(__dirname, path), 'utf8')).join('');
const held = [];
createServer((request, response) => {
  const [, what, code] = request.url.split('/');
  if (request.method === 'POST' && what === 'exit') {
    response.end('as you wish');
    console.error('TypeError: nobody expects this');
    return setTimeout(() => process.exit(Number(code)), 20);
  }
  if (request.method === 'POST' && what === 'eat') {
    response.end('as you wish');
    return setInterval(() => held.push(Buffer.alloc(16 << 20, 1)), 20);
  }
  try {
    response.end(page());
  } catch (error) {
    console.error(error.stack);
    response.statusCode = 500;
    response.end('not now');
  }
}).listen(Number(process.env.PORT ?? 3000));
