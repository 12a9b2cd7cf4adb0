Bun.serve({
  port: process.env.PORT || 3123,
  fetch: () => new Response('hello'),
});
