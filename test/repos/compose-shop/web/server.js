const http = require('node:http');

const api = process.env.API_URL ?? 'http://api:4000';
http
  .createServer(async (_request, response) => {
    try {
      const { goods } = await (await fetch(`${api}/goods`)).json();
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><title>Shop</title><h1>We have ${goods.join(' and ')}</h1>`);
    } catch (error) {
      response.statusCode = 502;
      response.end(`the api at ${api} does not answer: ${error.message}`);
    }
  })
  .listen(Number(process.env.PORT ?? 3000));
