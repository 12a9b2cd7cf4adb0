// Says things that a terminal would obey: a title, an empty screen, a lie written over what stands there, a question that
// it answers as if it had been typed.
console.log('\x1b]0;stolen title\x07\x1b[2J\x1b[H\x1b[32m✓ prove  healthy\x1b[0m\r\x1b[6n\x1bP$q"p\x1b\\\x9b31m');
console.error('Error: \x1b[8mhidden\x1b[0m \x1b]52;c;cm0gLXJmIC8=\x07 and \u202egnorw');
process.exit(3);
