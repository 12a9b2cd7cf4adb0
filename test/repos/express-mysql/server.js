const express = require('express');
const mysql = require('mysql2/promise');

const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME } = process.env;
const pool = mysql.createPool({
  host: DB_HOST,
  port: Number(DB_PORT),
  user: DB_USER,
  password: DB_PASSWORD,
  database: DB_NAME,
});
const app = express();
app.get('/', async (_request, response) => {
  await pool.query('INSERT INTO notes (text) VALUES (?)', ['seen']);
  const [[{ count }]] = await pool.query('SELECT count(*) AS count FROM notes');
  response.send(`<!doctype html><title>notes</title><h1>notes kept in a database</h1><p>notes: ${count}</p>`);
});
pool.query('CREATE TABLE IF NOT EXISTS notes (id int AUTO_INCREMENT PRIMARY KEY, text varchar(200))').then(
  () => app.listen(process.env.PORT || 3000, () => console.log('listening')),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
