const express = require('express');
const { Pool } = require('pg');

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const app = express();
app.get('/', async (_request, response) => {
  const { rows } = await pool.query('SELECT shout(name) AS name FROM items ORDER BY id');
  const { rows: who } = await pool.query('SELECT current_user AS name, current_database() AS database');
  response.send(
    `<!doctype html><title>items</title><h1>${who[0].name} in ${who[0].database}</h1><p>${rows.map(({ name }) => name).join(', ')}</p>`,
  );
});
pool.query('SELECT 1 FROM items').then(
  () => app.listen(process.env.PORT || 3000, () => console.log('listening')),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
