const express = require('express');
const next = require('next');

const app = next({ dev: process.env.NODE_ENV !== 'production' });
app.prepare().then(() => {
  const server = express();
  server.all('*', app.getRequestHandler());
  server.listen(process.env.PORT || 3200);
});
