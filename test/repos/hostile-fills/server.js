const http = require('node:http');

const port = process.env.PORT || 8080;
http
  .createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Plain</title><h1>Hello from plain Node</h1>');
  })
  .listen(port, () => console.log(`listening on ${port}`));
