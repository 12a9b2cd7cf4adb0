// Nine ports beside its own, the others first.
const http = require('node:http');

const say = (text) => (_request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(`<title>${text}</title><p>This is the ${text}`);
};
for (let n = 0; n < 9; n += 1) http.createServer(say(`side door ${n}`)).listen(0);
setTimeout(() => http.createServer(say('front door')).listen(process.env.PORT || 8080), 150);
