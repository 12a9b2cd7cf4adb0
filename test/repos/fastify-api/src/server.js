const fastify = require('fastify')();

fastify.get('/health', async () => ({ status: 'ok', service: 'fastify-api' }));
fastify.get('/items/:id', async (request) => ({ id: request.params.id }));

fastify.listen({ port: Number(process.env.PORT || 3000), host: '127.0.0.1' }).then((address) => console.log(address));
