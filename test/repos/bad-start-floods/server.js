// Serves, and prints without end.
const http = require('node:http');

http.createServer((_request, response) => response.end('talkative')).listen(process.env.PORT || 8080);
const text = `${'x'.repeat(99)}\n`.repeat(1_000);
const more = () => {
  while (process.stdout.write(text));
  process.stdout.once('drain', () => setTimeout(more, 5));
};
more();
