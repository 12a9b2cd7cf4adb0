const { mkdirSync, writeFileSync } = require('node:fs');

mkdirSync('dist', { recursive: true });
writeFileSync('dist/page.html', '<!doctype html><title>Frail</title><p>');
