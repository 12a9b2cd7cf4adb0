const { existsSync } = require('node:fs');
console.log(['/etc/shop', '/data', '/etc/hosts'].map((path) => `${path} ${existsSync(path)}`).join(', '));
setInterval(() => {}, 1_000);
