const http = require('node:http');
const { Pool } = require('pg');
const { createClient } = require('redis');

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const redis = createClient({ url: process.env.REDIS_URL });
const send = (response, status, body) => {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
};
redis.connect().then(() =>
  http
    .createServer(async (request, response) => {
      try {
        if (request.url === '/healthz') return send(response, 200, { ok: true });
        const { rows } = await pool.query('SELECT name, price FROM goods ORDER BY name');
        send(response, 200, { goods: rows, counted: Number(await redis.get('counted')) });
      } catch (error) {
        send(response, 500, { error: error.message });
      }
    })
    .listen(Number(process.env.PORT ?? 4000)),
);
