/** JSON, YAML and TOML with the lines of their keys. What does not parse is a note with file:line and counts as absent. */
import { parse as parseToml, TomlError } from 'smol-toml';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { readJson } from '../json-text.js';
import type { SourceFile } from './source.js';
import { refuseYaml } from './yaml-depth.js';

export interface Read {
  value: unknown;
  /** The line (from 1) of the key or item at the end of this way; of the nearest one above it that is found. */
  line(...way: (string | number)[]): number;
}

export function openJson(file: SourceFile, comments = false): Read | null {
  const { value, error } = readJson(file.text, { comments });
  if (error === null) return { value, line: findKeys(file.text) };
  file.note(error.line, `does not parse as ${comments ? 'JSON with comments' : 'JSON'}: ${error.reason}`);
  return null;
}

export function openToml(file: SourceFile): Read | null {
  try {
    return { value: parseToml(file.text), line: findKeys(file.text) };
  } catch (error) {
    file.note(error instanceof TomlError ? error.line : null, `does not parse as TOML: ${firstLine(error)}`);
    return null;
  }
}

export function openYaml(file: SourceFile): Read | null {
  const refused = refuseYaml(file.text);
  if (refused !== null) {
    file.note(null, `does not parse as YAML: ${refused}`);
    return null;
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(file.text, {
      logLevel: 'silent',
      // A pretty error copies its line, and there may be one error a character.
      prettyErrors: false,
      merge: true,
      lineCounter: lines,
    });
    const [wrong] = document.errors;
    if (wrong !== undefined) {
      file.note(lines.linePos(wrong.pos[0]).line || null, `does not parse as YAML: ${firstLine(wrong)}`);
      return null;
    }
    // The parser refuses to expand more than 100 aliases, by throwing.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { value, line: (...way) => lines.linePos(offsetOf(document.contents, way)).line || 1 };
  } catch (error) {
    file.note(null, `does not parse as YAML: ${firstLine(error)}`);
    return null;
  }
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

/** Where the last step of the way that exists begins; merged and aliased parts have no place of their own. */
function offsetOf(root: Node | null, way: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = 0;
  for (const step of way) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : '') === String(step));
      if (pair === undefined) break;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

/**
 * Finds keys in JSON and TOML by looking for each step after the one before. Good for the files people write, where a
 * key stands on a line of its own; a number (an item of a list) is looked for as the text of nothing and skipped.
 */
function findKeys(text: string): Read['line'] {
  const lines = text.split('\n');
  return (...way) => {
    let found = 0;
    let begin = 0;
    for (const step of way) {
      if (typeof step === 'number') continue;
      const key = step.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const pattern = new RegExp(
        `["']${key}["']\\s*[:=]|(?:^|[\\s{,.])${key}\\s*=|^\\s*\\[+(?:[^\\]]*\\.)?["']?${key}["']?(?:\\.[^\\]]*)?\\]`,
      );
      const index = lines.findIndex((line, at) => at >= begin && pattern.test(line.slice(0, 2_000)));
      if (index < 0) break;
      found = index;
      begin = index;
    }
    return found + 1;
  };
}
