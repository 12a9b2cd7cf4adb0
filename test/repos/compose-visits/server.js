const express = require('express');
const { createClient } = require('redis');

const client = createClient({ url: process.env.REDIS_URL });
client.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
const app = express();
app.get('/', async (_request, response) => {
  const visits = await client.incr('visits');
  response.send(`<!doctype html><title>visits</title><h1>kept in the cache</h1><p>visits: ${visits}</p>`);
});
client.connect().then(() => app.listen(process.env.PORT || 3000, () => console.log('listening')));
