/** Makefile, justfile and Taskfile: targets that are named after what they do. Weak: nobody says they work here. */
import type { Hint } from '../contract.js';
import { asTable } from '../values.js';
import { roleOfTask } from './commands.js';
import { openYaml } from './documents.js';
import { type Source, type SourceFile, sayCommand } from './source.js';

const weight = 0.3;

const task = (file: SourceFile, line: number, runner: string, name: string): Hint[] => {
  const role = roleOfTask(name);
  return role === null ? [] : [sayCommand(file, line, weight, role, `${runner} ${name}`)];
};

export const makefile: Source = {
  names: /^(?:GNUmakefile|[Mm]akefile)$/,
  depth: 0,
  read: (file) =>
    file.text.split('\n').flatMap((text, index) => {
      // `name:` but not `NAME := value`; several targets may share a line.
      const names = /^([\w][\w ./-]*?)\s*::?(?![:=])/.exec(text.slice(0, 300))?.[1] ?? '';
      return names.split(/\s+/).flatMap((name) => task(file, index + 1, 'make', name));
    }),
};

export const justfile: Source = {
  names: /^\.?[Jj]ustfile$/,
  depth: 0,
  read: (file) =>
    file.text.split('\n').flatMap((text, index) => {
      // A recipe whose arguments have no default cannot be started by its name alone.
      const hit = /^@?([\w-]+)((?:\s+[*]?[\w$-]+\s*=\s*\S+|\s+\*[\w$-]+)*)\s*:(?!=)/.exec(text.slice(0, 300));
      return hit === null ? [] : task(file, index + 1, 'just', hit[1]!);
    }),
};

export const taskfile: Source = {
  names: /^[Tt]askfile(?:\.dist)?\.ya?ml$/,
  depth: 0,
  read(file) {
    const doc = openYaml(file);
    if (doc === null) return [];
    return Object.keys(asTable(asTable(doc.value).tasks)).flatMap((name) =>
      task(file, doc.line('tasks', name), 'task', name),
    );
  },
};
