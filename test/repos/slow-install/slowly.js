// Takes a while to install, and leaves a line each time it is begun.
const { appendFileSync } = require('node:fs');

appendFileSync('installs.log', 'begun\n');
setTimeout(() => appendFileSync('installs.log', 'done\n'), 4000);
