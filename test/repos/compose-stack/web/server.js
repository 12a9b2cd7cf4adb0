const http = require('node:http');

const api = process.env.API_URL;
http
  .createServer(async (_request, response) => {
    try {
      const { goods, counted } = await (await fetch(`${api}/goods`)).json();
      const list = goods.map(({ name, price }) => `<li>${name} for ${price}</li>`).join('');
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><title>Stack</title><h1>Goods</h1><ul>${list}</ul><p>counted: ${counted > 0}</p>`);
    } catch (error) {
      response.statusCode = 502;
      response.end(`the api at ${api} does not answer: ${error.message}`);
    }
  })
  .listen(Number(process.env.PORT ?? 3000));
