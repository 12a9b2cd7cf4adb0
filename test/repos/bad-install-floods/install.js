// Prints without end, as fast as it is read.
const text = 'never enough of this line\n'.repeat(4_000);
const more = () => {
  while (process.stdout.write(text));
  process.stdout.once('drain', more);
};
more();
