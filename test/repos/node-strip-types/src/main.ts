import { createServer } from 'node:http';

createServer((_, response) => response.end('hello')).listen(process.env.PORT ?? 3600);
