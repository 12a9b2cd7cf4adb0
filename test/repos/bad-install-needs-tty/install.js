if (!process.stdin.isTTY) {
  console.error('error: this installer needs a terminal');
  process.exit(1);
}
setInterval(() => undefined, 1_000);
