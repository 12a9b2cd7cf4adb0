/** What a fault is, and how it is put into a copy of a healthy repository. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Fault {
  kind: string;
  /** The healthy repository. */
  repo: string;
  /** The service to run, where there are several. */
  service?: string;
  says: string;
  /** Rules of which one must help; none: nothing of ours can help, and to say it is healthy would be false. */
  rules: readonly string[];
  /** It takes the network or more than a few seconds. */
  slow?: true;
  /** Ports of 127.0.0.1 that another program has meanwhile. */
  holds?: readonly number[];
  /** What a machine must have for it beside what is fetched, and a command that ends well where it does. */
  where?: { has: string; says: string };
  inject(repo: Editor): void;
}
export type Editor = ReturnType<typeof editorOf>;

/** The fault in a copy of its repository. The port that an application falls back on becomes nobody else's. */
export function inject(
  fault: Pick<Fault, 'inject'>,
  dir: string,
  port = 20_000 + Math.floor(Math.random() * 10_000),
): void {
  fault.inject(editorOf(dir));
  for (const path of ['server.js', 'server.ts', 'src/server.ts', 'server.py'].map((name) => join(dir, name)))
    if (existsSync(path))
      writeFileSync(path, readFileSync(path, 'utf8').replace(/\b(?:3000|80[08]0)\b/g, String(port)));
}

/** The faults that can be had on this machine; those that cannot are told of. */
export const hereOf = (faults: readonly Fault[]): Fault[] =>
  faults.filter(({ kind, where }) => {
    if (where === undefined || spawnSync('sh', ['-c', where.says], { stdio: 'ignore' }).status === 0) return true;
    console.warn(`left out, this machine has not ${where.has}: ${kind}`);
    return false;
  });

export function editorOf(dir: string) {
  const at = (path: string): string => join(dir, path);
  const write = (path: string, text: string, mode?: number): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
    if (mode !== undefined) chmodSync(at(path), mode);
  };
  const text = (path: string): string => readFileSync(at(path), 'utf8');
  return {
    write,
    text,
    bytes: (path: string, content: Buffer): void => writeFileSync(at(path), content),
    edit: (path: string, change: (before: string) => string): void => write(path, change(text(path))),
    json: (path: string, change: (before: Manifest) => Manifest): void =>
      write(path, `${JSON.stringify(change(JSON.parse(text(path)) as Manifest), null, 2)}\n`),
    remove: (path: string): void => rmSync(at(path), { recursive: true, force: true }),
  };
}
interface Manifest {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [other: string]: unknown;
}
