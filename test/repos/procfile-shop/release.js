require('node:fs').appendFileSync('released.txt', `released in ${process.env.STAGE ?? 'test'}\n`);
