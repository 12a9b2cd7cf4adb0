/** What CMake, Meson and Make have in common: programs and libraries that are built, and the commands that do it. */
import type { Evidence, Service } from '../../contract.js';

export interface Program {
  name: string;
  /** How it is started, from the place. */
  run: string;
  /** Its source files from the place; null: the build file does not list them. */
  sources: readonly string[] | null;
  evidence: Evidence;
  /** A test, an example, a measurement: built beside the thing itself. */
  aside: boolean;
}
export interface Build {
  manager: 'cmake' | 'meson' | 'make' | null;
  /** The project's own name. */
  name: string | null;
  /** The steps that build one program, or everything. */
  build(program: Program | null): string[];
  programs: Program[];
  libraries: Evidence[];
  /** Runs the project's tests once everything is built. */
  test: string | null;
  versions: Service['versions'];
  writes: string[];
  evidence: Evidence[];
}

export const isAside = (text: string): boolean =>
  /(?:^|[^a-z])(?:tests?|unittests?|bench(?:mark)?s?|examples?|samples?|demos?|fuzz(?:er|ing)?|docs?)(?:[^a-z]|$)|[_-]test|^test/i.test(
    text,
  );

/** A folder to build in that holds nothing of the repository. */
export const outFolder = (folders: readonly string[]): string =>
  ['build', 'out', 'build-rr'].find((name) => !folders.includes(name)) ?? 'build-rr';
