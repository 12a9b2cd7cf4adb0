const { existsSync, mkdirSync, writeFileSync } = require('node:fs');

// For as long as somebody wants it to.
while (existsSync('slow')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);

mkdirSync('dist', { recursive: true });
writeFileSync('dist/page.html', '<!doctype html><title>Frail</title><p>');
