require('node:fs').appendFileSync('prepared.txt', 'prepared');
