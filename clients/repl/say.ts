import type { Told } from '../cli/connect.js';

const LONGEST = 160;

/** A fact in one line. */
export function sentence({ at, from, type, payload }: Told): string {
  const about = JSON.stringify(payload);
  return `${at.slice(11, 19)} ${from} ${type} ${about.length > LONGEST ? `${about.slice(0, LONGEST - 3)}…` : about}`;
}
export const print = (line: string): void => void process.stdout.write(`${line}\n`);
