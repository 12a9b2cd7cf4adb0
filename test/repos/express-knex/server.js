const express = require('express');
const knex = require('knex')(require('./knexfile.js'));

const app = express();
app.get('/', async (_request, response) => {
  const books = await knex('books').select('title').orderBy('id');
  response.send(`<!doctype html><title>books</title><h1>books</h1><p>${books.map(({ title }) => title).join(', ')}</p>`);
});
app.listen(process.env.PORT || 3000, () => console.log('listening'));
