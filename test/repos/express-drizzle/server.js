import express from 'express';
import { db } from './db.js';
import { books } from './schema.js';

const app = express();
app.get('/', async (_request, response) => {
  const titles = (await db.select().from(books)).map(({ title }) => title);
  response.send(`<!doctype html><title>books</title><h1>books</h1><p>${titles.join(', ')}</p>`);
});
await db.select().from(books);
app.listen(process.env.PORT || 3000, () => console.log('listening'));
