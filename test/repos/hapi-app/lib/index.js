const Hapi = require('@hapi/hapi');

const init = async () => {
  const server = Hapi.server({ port: process.env.PORT || 3400 });
  server.route({ method: 'GET', path: '/ping', handler: () => 'pong' });
  await server.start();
};
init();
