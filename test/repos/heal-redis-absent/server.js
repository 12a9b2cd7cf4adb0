// A store that nothing declares: it shows only when nobody answers.
const { createServer } = require('node:http');
const { connect } = require('node:net');

const host = '127.0.0.1';
const socket = connect(6379, host, () => socket.write('PING\r\n'));
socket.once('data', (answer) =>
  createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Store</title><p>the store says ${answer.toString().trim()}`);
  }).listen(Number(process.env.PORT ?? 3000)),
);
