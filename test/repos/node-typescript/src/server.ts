import { createServer } from 'node:http';
import { page } from './page.js';

const port: number = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(page('Hello from TypeScript'));
}).listen(port);
