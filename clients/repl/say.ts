import type { Told } from '../cli/connect.js';
import { harmless } from '../cli/paint.js';

const LONGEST = 160;

/** A fact in one line. */
export function sentence({ at, from, type, payload }: Told): string {
  const about = JSON.stringify(payload);
  const short = about.length > LONGEST ? `${about.slice(0, LONGEST - 3)}…` : about;
  return harmless(`${at.slice(11, 19)} ${from} ${type} ${short}`);
}
export const print = (line: string): void => void process.stdout.write(`${line}\n`);
