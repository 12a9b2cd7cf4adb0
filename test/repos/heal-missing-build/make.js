const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');

mkdirSync('dist', { recursive: true });
writeFileSync('dist/server.js', readFileSync('src/server.js', 'utf8').replace('__STAMP__', 'made by the build'));
