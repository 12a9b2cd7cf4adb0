/** What engines really said when they failed, and what programs say that only look like it. */
import { expect, test } from 'vitest';
import { engineFault } from '../../../providers/engine/faults.js';

test.each([
  [
    125,
    'Error: creating container storage: the container name "a" is already in use by 4ea3a3faec9e. You have to remove that container to be able to reuse that name: that name is already in use',
    'a container of that name',
  ],
  [
    125,
    'docker: Error response from daemon: Conflict. The container name "/a" is already in use by container "4ea3". You have to remove (or rename) that container to be able to reuse that name.',
    'a container of that name',
  ],
  [
    127,
    'Error: crun: executable file `/bin/sh` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    'has no shell',
  ],
  [
    127,
    'docker: Error response from daemon: failed to create task for container: OCI runtime create failed: runc create failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown.',
    'has no shell',
  ],
  [
    125,
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'gone away',
  ],
  [125, 'error waiting for container: unexpected EOF', 'gone away'],
  [125, 'Error: copying layer: write /var/lib/containers/storage/x: no space left on device', 'disk is full'],
])('code %i: %s', (code, text, reason) => {
  expect(engineFault(code, text)?.reason).toContain(reason);
});
test.each([
  [1, 'Error: ENOSPC: no space left on device, write'],
  [127, 'sh: 1: vite: not found'],
  [125, 'Error: 125 is the number of the day'],
  [null, 'unexpected EOF'],
])('code %s: %s is the program’s own', (code, text) => {
  expect(engineFault(code, text)).toBeNull();
});
