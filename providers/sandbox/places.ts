/**
 * Places that an image would have and this machine has not: `/data`, `/etc/app`.
 *
 * What is in the workspace is linked, not mounted: a link is followed within, where it leads nowhere else than what is seen
 * there anyway, whatever commands of the repository have put in its way.
 */
import { posix } from 'node:path';

export interface Laid {
  /** Absolute; as the image names it. */
  at: string;
  /** Absolute. `link`: seen under that name within; `folder`: of ours, writable. */
  from: string;
  how: 'link' | 'folder';
}

/** Never laid anew: what the kernel lays there, and what of it is the run's own anyway. */
const OWN = /^\/(?:proc|dev|sys|root|tmp|var\/tmp|run)(?:\/|$)/;

/** Whether such a place can be had. Pure. */
export const canBePlaced = (at: string): boolean =>
  posix.isAbsolute(at) && posix.normalize(at) === at && at !== '/' && !OWN.test(at);
