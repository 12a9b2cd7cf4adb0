require('node:http').createServer((_, answer) => answer.end('shop')).listen(process.env.PORT || 3000);
