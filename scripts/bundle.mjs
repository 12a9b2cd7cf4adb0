// Makes the `rr` program of what tsc built: few large files instead of hundreds of small ones, since loading them one by
// one costs more than anything else that happens before a run begins. The keepers stay as they are: they load little.
import { chmodSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
await build({
  input: { bin: at('../dist/clients/cli/bin.js') },
  platform: 'node',
  output: {
    dir: at('../dist/rr'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minify: false,
  },
  logLevel: 'warn',
});
chmodSync(at('../dist/rr/bin.js'), 0o755);
