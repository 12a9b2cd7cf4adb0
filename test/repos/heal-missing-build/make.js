const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');

mkdirSync('dist', { recursive: true });
writeFileSync('dist/page.html', readFileSync('src/page.html', 'utf8').replace('__STAMP__', 'made by the build'));
