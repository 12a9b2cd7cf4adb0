// The package exists, and has no such file: installing it does not help.
require('is-number/no-such-file');
