const { createServer } = require('node:http');
const { legacy_createStore, applyMiddleware } = require('redux');
const thunk = require('redux-thunk').default;
const store = legacy_createStore((state = 7) => state, applyMiddleware(thunk));
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a peer conflict</title><h1>heals a peer conflict</h1><p>' + 'state ' + store.getState() + '</p>');
}).listen(port, () => console.log('listening on ' + port));
