// The bins must be executable: tsc does not know that they are programs.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/clients/cli/bin.js', import.meta.url), 0o755);
