// Waits for an answer that nobody gives.
let heard = '';
process.stdout.write('Do you accept the licence? ');
process.stdin.on('data', (text) => {
  heard += text;
});
process.stdin.on('end', () => {
  if (heard.trim() === 'yes') return;
  console.error('error: the licence was not accepted');
  process.exit(1);
});
