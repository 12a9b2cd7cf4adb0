/** What one Python file says at a glance: imports, scopes, assignments, calls. Built on tokens; nothing is executed. */
import { readStatements, type Statement, type Token } from './tokens.js';

export interface Block {
  kind: 'def' | 'class' | 'guard' | 'other';
  name: string;
  line: number;
}
export interface Scoped extends Statement {
  /** What it stands in, outermost first; empty at the module's level. */
  readonly inside: readonly Block[];
}
export interface Import {
  /** Qualified, without the leading dots: `flask.Flask`, `routes.users`. */
  path: string;
  /** The module named: `flask` in `from flask import Flask`. */
  module: string;
  /** Leading dots of a relative import; 0 for an absolute one. */
  level: number;
  line: number;
}
export interface Call {
  /** As qualified by the imports where possible: `flask.Flask`, `app.run`. */
  name: string;
  /** As written. */
  written: string;
  args: readonly Argument[];
  line: number;
  /** Index of the first token of the name, and of the one after the closing bracket. */
  begin: number;
  end: number;
}
export interface Argument {
  keyword: string | null;
  tokens: readonly Token[];
}
export interface PythonModule {
  /** From the place. */
  file: string;
  text: string;
  statements: readonly Scoped[];
  /** By local name. `*` imports are in `stars`. */
  imports: ReadonlyMap<string, Import>;
  stars: readonly Import[];
  /** Every module imported anywhere in the file. */
  imported: readonly Import[];
  /** Line of `if __name__ == '__main__':`, or null. */
  guard: number | null;
  /** The calls already read of a statement: many questions are asked of each. */
  readonly calls: WeakMap<Statement, readonly Call[]>;
}

export function readModule(file: string, text: string): PythonModule {
  const statements = scope(readStatements(text));
  const imports = new Map<string, Import>();
  const stars: Import[] = [];
  const imported: Import[] = [];
  let guard: number | null = null;
  for (const statement of statements) {
    guard ??= statement.inside.find(({ kind }) => kind === 'guard')?.line ?? null;
    for (const [local, found] of readImports(statement)) {
      imported.push(found);
      if (local === '*') stars.push(found);
      else if (!imports.has(local)) imports.set(local, found);
    }
  }
  return { file, text, statements, imports, stars, imported, guard, calls: new WeakMap() };
}

function scope(statements: readonly Statement[]): Scoped[] {
  const open: { block: Block; indent: number }[] = [];
  // One list for all statements of a block.
  let inside: readonly Block[] = [];
  return statements.map((statement) => {
    const depth = open.length;
    while (open.length > 0 && open.at(-1)!.indent >= statement.indent) open.pop();
    if (open.length !== depth) inside = open.map(({ block }) => block);
    const scoped = { ...statement, inside };
    const block = openBlock(statement);
    // Deeper nesting than any real file has would make every statement carry a long list.
    if (block !== null && open.length < 40) {
      open.push({ block, indent: statement.indent });
      inside = [...inside, block];
    }
    return scoped;
  });
}

function openBlock({ tokens, line }: Statement): Block | null {
  const words = tokens[0]?.text === 'async' ? tokens.slice(1) : tokens;
  const [head, name] = words;
  if (head?.kind !== 'name') return null;
  if (head.text === 'def' || head.text === 'class') return { kind: head.text, name: name?.text ?? '', line };
  if (head.text === 'if' && isGuard(words)) return { kind: 'guard', name: '__main__', line };
  return ['if', 'elif', 'else', 'for', 'while', 'try', 'except', 'finally', 'with', 'match', 'case'].includes(head.text)
    ? { kind: 'other', name: head.text, line }
    : null;
}

const isGuard = (tokens: readonly Token[]): boolean =>
  tokens.some(({ kind, text }) => kind === 'name' && text === '__name__') &&
  tokens.some(({ kind, text }) => kind === 'op' && text === '==') &&
  tokens.some(({ kind, text }) => kind === 'string' && text === '__main__');

/** Pairs of local name and what it is; `import a.b` binds `a`. */
function readImports({ tokens }: Statement): [string, Import][] {
  const [head] = tokens;
  if (head?.kind !== 'name') return [];
  const { line } = head;
  if (head.text === 'import') {
    return splitCommas(tokens.slice(1)).flatMap((part): [string, Import][] => {
      const module = readDotted(part, 0);
      if (module === null) return [];
      const alias = part[module.end]?.text === 'as' ? part[module.end + 1]?.text : undefined;
      const path = module.name;
      const first = path.split('.')[0]!;
      return [[alias ?? first, { path: alias === undefined ? first : path, module: path, level: 0, line }]];
    });
  }
  if (head.text !== 'from') return [];
  let index = 1;
  let level = 0;
  for (; tokens[index]?.kind === 'op' && /^\.+$/.test(tokens[index]!.text); index++)
    level += tokens[index]!.text.length;
  const module = tokens[index]?.text === 'import' ? { name: '', end: index } : readDotted(tokens, index);
  if (module === null || tokens[module.end]?.text !== 'import') return [];
  const listed = tokens.slice(module.end + 1).filter(({ text }) => text !== '(' && text !== ')');
  return splitCommas(listed).flatMap((part): [string, Import][] => {
    const [name, as, alias] = part;
    if (name === undefined) return [];
    const path = module.name === '' ? name.text : `${module.name}.${name.text}`;
    return [
      [as?.text === 'as' && alias !== undefined ? alias.text : name.text, { path, module: module.name, level, line }],
    ];
  });
}

export function splitCommas(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'op' && '([{'.includes(token.text)) depth++;
    if (token.kind === 'op' && ')]}'.includes(token.text)) depth--;
    if (depth === 0 && token.kind === 'op' && token.text === ',') parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts.filter((part) => part.length > 0);
}

/** `a.b.c` at an index; null when no name stands there. */
export function readDotted(tokens: readonly Token[], begin: number): { name: string; end: number } | null {
  if (tokens[begin]?.kind !== 'name') return null;
  const names = [tokens[begin]!.text];
  let index = begin + 1;
  while (tokens[index]?.text === '.' && tokens[index]!.kind === 'op' && tokens[index + 1]?.kind === 'name') {
    names.push(tokens[index + 1]!.text);
    index += 2;
  }
  return { name: names.join('.'), end: index };
}

/** The name as the imports qualify it; relative imports keep their dots in front. */
export function qualify(module: PythonModule, written: string): string {
  const [first = '', ...rest] = written.split('.');
  const known = module.imports.get(first);
  if (known === undefined) return written;
  return [`${'.'.repeat(known.level)}${known.path}`, ...rest].join('.');
}

/**
 * All calls of a statement, outer before inner. The name in `def f(` and `class A(` is no call. Only the first 4 000
 * tokens are looked at: a longer statement is data, and brackets nested that deep would cost the square of their number.
 */
export function readCalls(module: PythonModule, statement: Statement): readonly Call[] {
  const known = module.calls.get(statement);
  if (known !== undefined) return known;
  const tokens = statement.tokens.slice(0, 4_000);
  const calls: Call[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const before = tokens[index - 1];
    if (before !== undefined && before.kind === 'op' && before.text === '.') continue;
    if (before?.kind === 'name' && (before.text === 'def' || before.text === 'class')) continue;
    const call = readCall(module, tokens, index);
    if (call !== null) calls.push(call);
  }
  module.calls.set(statement, calls);
  return calls;
}

export function readCall(module: PythonModule, tokens: readonly Token[], begin: number): Call | null {
  const dotted = readDotted(tokens, begin);
  if (dotted === null || tokens[dotted.end]?.kind !== 'op' || tokens[dotted.end]!.text !== '(') return null;
  let depth = 0;
  let end = dotted.end;
  for (; end < tokens.length; end++) {
    const { kind, text } = tokens[end]!;
    if (kind !== 'op') continue;
    if ('([{'.includes(text)) depth++;
    if (')]}'.includes(text) && --depth === 0) break;
  }
  const args = splitCommas(tokens.slice(dotted.end + 1, end)).map((part): Argument => {
    const named = part[0]?.kind === 'name' && part[1]?.kind === 'op' && part[1].text === '=';
    return named ? { keyword: part[0]!.text, tokens: part.slice(2) } : { keyword: null, tokens: part };
  });
  const { line } = tokens[begin]!;
  return { name: qualify(module, dotted.name), written: dotted.name, args, line, begin, end: end + 1 };
}

/** `x = …`, `x: T = …`, `x, y = …`, `with … as x`: the first name bound and the tokens of the value. */
export function readAssignment({ tokens }: Statement): { target: string; value: readonly Token[] } | null {
  if (tokens[0]?.text === 'with' || (tokens[0]?.text === 'async' && tokens[1]?.text === 'with')) {
    const begin = tokens.findIndex(({ text }) => text === 'with') + 1;
    const as = tokens.findIndex(({ kind, text }) => kind === 'name' && text === 'as');
    const target = tokens[as + 1];
    return as < 0 || target?.kind !== 'name' ? null : { target: target.text, value: tokens.slice(begin, as) };
  }
  let depth = 0;
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== 'op') continue;
    if ('([{'.includes(text)) depth++;
    else if (')]}'.includes(text)) depth--;
    else if (depth === 0 && text === '=') {
      const [target] = tokens[0]?.text === '(' ? tokens.slice(1) : tokens;
      const bound = tokens[1]?.text;
      // `self.app = …` and `x[0] = …` bind no name.
      if (target?.kind !== 'name' || bound === '.' || bound === '[') return null;
      // `a = b = value`: the value is what stands last.
      const value = tokens.slice(index + 1);
      const again = value[0]?.kind === 'name' && value[1]?.text === '=' ? value.slice(2) : value;
      return { target: target.text, value: again };
    }
  }
  return null;
}

export const isWithin = ({ inside }: Scoped, ...kinds: Block['kind'][]): boolean =>
  inside.some(({ kind }) => kinds.includes(kind));
/** Run when the module is imported: not in a function or class, not behind the guard. */
export const runsOnImport = (statement: Scoped): boolean => !isWithin(statement, 'def', 'class', 'guard');
/** The one plain string that a list of tokens consists of. */
export const asString = (tokens: readonly Token[] | undefined): string | null =>
  tokens?.length === 1 && tokens[0]!.kind === 'string' && tokens[0]!.formatted !== true ? tokens[0]!.text : null;
export const argument = (call: Call, keyword: string, position?: number): Argument | undefined =>
  call.args.find((each) => each.keyword === keyword) ??
  (position === undefined ? undefined : call.args.filter((each) => each.keyword === null)[position]);
