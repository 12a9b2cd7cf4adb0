if (!process.env.SESSION_SECRET) throw new Error('SESSION_SECRET is not set');
const colour = process.env.COLOUR ?? 'red';
require('node:http').createServer((_, answer) => answer.end(colour)).listen(4000);
