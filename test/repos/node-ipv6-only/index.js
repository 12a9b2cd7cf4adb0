const http = require('node:http');

http
  .createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>IPv6</title><h1>Hello from ::1</h1>');
  })
  .listen({ port: Number(process.env.PORT || 3000), host: '::1', ipv6Only: true });
