import express from 'express';

const app = express();
const port = Number(process.env.PORT) || 3000;

app.get('/', (_request, response) => {
  response.type('html').send('<!doctype html><title>Express</title><h1>Hello from Express</h1>');
});
app.get('/health', (_request, response) => response.json({ ok: true }));

app.listen(port, () => console.log(`listening on ${port}`));
