#!/usr/bin/env node
if (process.argv.includes('--help')) {
  console.log('Usage: greet NAME');
  process.exit(0);
}
if (process.argv[2] === undefined) {
  console.error('a name is missing');
  process.exit(2);
}
console.log(`Hello ${process.argv[2]}`);
