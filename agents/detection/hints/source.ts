/** The words between the readers of this folder: what a source is given, and how it says a hint. */
import type { Tree } from '../../../providers/tree.js';
import type { Hint } from '../contract.js';
import { isSecret } from './secrets.js';

/** One file a source has claimed, with what it needs to know of its surroundings. */
export interface SourceFile {
  /** POSIX, from the repository's root. */
  readonly path: string;
  readonly text: string;
  /** The folder of the service this file speaks about, `.` for the root. */
  readonly place: string;
  readonly tree: Tree;
  /** The place a file or folder belongs to: the nearest one at or above it, `.` when there is none. */
  placeOf(path: string): string;
  /** Says that another file (e.g. a Dockerfile named in a compose file) speaks about this place. */
  claim(path: string, place: string): void;
  /** One sentence for the plan's notes, cited as `file:line`. */
  note(line: number | null, sentence: string): void;
}

export interface Source {
  /** Tried on the file's base name. */
  readonly names: RegExp;
  /** How many folders may lie between the place and the file, e.g. 1 for `.devcontainer/devcontainer.json`. */
  readonly depth: number;
  /** Never throws; what it cannot read becomes a note. */
  read(file: SourceFile): Hint[];
}

type CommandRole = Extract<Hint, { about: 'command' }>['role'];

const said = (file: SourceFile, line: number | null, weight: number, place: string) => ({
  path: place,
  from: line === null ? file.path : `${file.path}:${line}`,
  weight,
});
/** The hints of one file; `place` moves a hint to another service's folder. */
export const sayCommand = (
  file: SourceFile,
  line: number | null,
  weight: number,
  role: CommandRole,
  command: string,
  place = file.place,
): Hint => ({ about: 'command', role, command: command.trim(), ...said(file, line, weight, place) });

export const sayPort = (
  file: SourceFile,
  line: number | null,
  weight: number,
  number: number,
  place = file.place,
): Hint => ({
  about: 'port',
  number,
  ...said(file, line, weight, place),
});

export const sayVersion = (
  file: SourceFile,
  line: number | null,
  weight: number,
  tool: string,
  want: string,
  place = file.place,
): Hint => ({ about: 'version', tool, want: want.trim(), ...said(file, line, weight, place) });

export const sayNeed = (
  file: SourceFile,
  line: number | null,
  weight: number,
  service: string,
  place = file.place,
): Hint => ({
  about: 'need',
  service,
  ...said(file, line, weight, place),
});

export const sayHealth = (
  file: SourceFile,
  line: number | null,
  weight: number,
  route: string,
  place = file.place,
): Hint => ({
  about: 'health',
  route,
  ...said(file, line, weight, place),
});

/** `secret` is decided by the name and the value unless the source itself says so. */
export const sayEnv = (
  file: SourceFile,
  line: number | null,
  weight: number,
  variable: { name: string; required: boolean; default: string | null; secret?: boolean },
  place = file.place,
): Hint => ({
  about: 'env',
  name: variable.name,
  required: variable.required,
  secret: variable.secret ?? isSecret(variable.name, variable.default),
  default: variable.default,
  ...said(file, line, weight, place),
});

/** A service among several that are to run together. */
export const sayMember = (
  file: SourceFile,
  line: number | null,
  weight: number,
  member: Omit<Extract<Hint, { about: 'member' }>, 'about' | 'path' | 'from' | 'weight'>,
  place = file.place,
): Hint => ({ about: 'member', ...member, ...said(file, line, weight, place) });

/** Whether a hint says something: a port that exists, a command that is not blank, a name that can be a variable. */
export function isSound(hint: Hint): boolean {
  switch (hint.about) {
    case 'command':
      return hint.command !== '' && hint.command.length <= 4_000;
    case 'port':
      return Number.isInteger(hint.number) && hint.number >= 1 && hint.number <= 65_535;
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(hint.name);
    case 'version':
      return hint.want !== '' && hint.want.length <= 200 && !/[${}\n]/.test(hint.want);
    case 'need':
      return hint.service !== '';
    case 'health':
      return /^\/[^\s{}<>$*|\\]*$/.test(hint.route) && !/\/:\w/.test(hint.route);
    case 'member':
      return hint.name !== '';
  }
}
