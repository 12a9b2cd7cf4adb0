/** What an engine says when it, and not what it was to run, has failed: one reason and one thing to do. Pure. */

export interface EngineFault {
  reason: string;
  fix: string;
}
const FAULTS: readonly [says: RegExp, reason: string, fix: string][] = [
  [
    /no space left on device|disk quota exceeded/i,
    'its disk is full',
    'make room where it keeps its images and containers (podman system prune, docker system prune)',
  ],
  [
    /container name "?[^"\s]+"? is already in use|name "?[^"\s]+"? is (?:already )?in use/i,
    'a container of that name is there and could not be removed',
    'remove it yourself (podman rm --force, docker rm --force), then run again',
  ],
  [
    /executable file [`"']?(?:\/bin\/)?sh[`"']? not found|exec:? [`"']?(?:\/bin\/)?sh[`"']?: (?:stat|no such|executable)|[`"'](?:\/bin\/)?sh[`"']?: (?:no such file|executable file not found)/i,
    'the image has no shell',
    'use an image with one: the base of a language has it, an image that is empty but for a program has not',
  ],
  [
    /cannot connect to the docker daemon|error during connect|unable to connect to podman|is the docker daemon running|conmon[^\n]*(?:exited|failed|died)|error waiting for container|connection (?:refused|reset)[^\n]*\.sock|unexpected EOF/i,
    'it has gone away',
    'see that it is up (docker info, podman info), start it again, then run again',
  ],
];
/** Exit codes of its client that are not those of what it ran: the engine failed, its command cannot be begun, or is not there. */
const OWN = [125, 126, 127];

/**
 * @param exitCode of its client; null: it was ended by a signal. @param text the end of what it printed.
 * @returns null: it is what ran within that failed.
 */
export function engineFault(exitCode: number | null, text: string): EngineFault | null {
  if (exitCode === null || !OWN.includes(exitCode)) return null;
  const found = FAULTS.find(([says]) => says.test(text));
  return found === undefined ? null : { reason: found[1], fix: found[2] };
}
