const { createServer } = require('node:http');
const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`Missing required environment variable: ${name}`);
  return value;
};
const secret = need(['SESSION', 'SECRET'].join('_'));
const port = Number(process.env.PORT ?? 3000);
createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<!doctype html><title>heals a missing variable</title><h1>heals a missing variable</h1><p>' + 'a secret of ' + secret.length + ' characters' + '</p>');
}).listen(port, () => console.log('listening on ' + port));
