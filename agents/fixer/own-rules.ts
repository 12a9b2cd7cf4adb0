/**
 * Rules that people lay into `<state>/rules/` as JSON or YAML, asked before ours. Each is checked when it is read: one with
 * a fault is left out, and the fault is told with its line.
 *
 * A pattern of a stranger may go back and forth without end, so each search runs where it can be interrupted, and is ended
 * after `SEARCH_MS`: the pattern then knows nothing. What a pattern captures may stand in the cause (`$1`), never in a
 * repair: an output is written by whoever wrote the program.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { fail } from '../../runtime/errors.js';
import { Action } from './contract.js';
import { rules as ours } from './rules/index.js';
import type { Rule } from './rules/rule.js';

const SEARCH_MS = 100;
const LONGEST = 64 << 10;

const Step = z.enum(['toolchain', 'deps', 'build', 'start', 'prove']);
export const OwnRule = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{1,60}$/),
    about: z.string().min(3),
    steps: z.array(Step).min(1),
    /** Patterns of JavaScript, without slashes. */
    signature: z.array(z.string().min(3)).min(1),
    language: z.string().optional(),
    /** `$1` stands for what the pattern captured. */
    cause: z.string().min(3),
    actions: z.array(Action).min(1).optional(),
    proves: z.string().default('the step passes'),
    /** In place of actions: what a person must do. */
    do: z.string().min(3).optional(),
  })
  .refine(({ actions, do: words }) => (actions === undefined) !== (words === undefined), {
    error: 'either actions or do',
    path: ['actions'],
  });
export interface Fault {
  file: string;
  /** From 1. */
  line: number;
  what: string;
}

/** A pattern whose search ends in time. */
class Limited extends RegExp {
  override exec(text: string): RegExpExecArray | null {
    try {
      // Out of here come words and places, nothing that runs.
      const found = runInNewContext(
        'const hit = new RegExp(source, flags).exec(text); hit && JSON.stringify([[...hit].map((one) => one ?? null), hit.index])',
        { source: this.source, flags: this.flags.replace(/[gy]/g, ''), text },
        { timeout: SEARCH_MS },
      ) as string | null;
      if (!found) return null;
      const [groups, index] = JSON.parse(found) as [(string | null)[], number];
      const match = groups.map((one) => one ?? undefined) as unknown as RegExpExecArray;
      match.index = index;
      match.input = text;
      return match;
    } catch {
      return null; // it took too long
    }
  }
}

/** @param taken names that a rule may not have: those of other files. */
export function readRules(
  file: string,
  text: string,
  taken: ReadonlySet<string> = new Set(),
): { rules: Rule[]; faults: Fault[] } {
  const faults: Fault[] = [];
  const lines = new LineCounter();
  const at = (node: unknown, what: string): void => {
    const offset = (node as Node | null)?.range?.[0] ?? 0;
    faults.push({ file, line: lines.linePos(offset).line || 1, what });
  };
  if (text.length > LONGEST)
    return { rules: [], faults: [{ file, line: 1, what: `longer than ${LONGEST} characters` }] };
  const document = parseDocument(text, { lineCounter: lines, maxAliasCount: 0 } as never);
  for (const error of document.errors)
    faults.push({ file, line: lines.linePos(error.pos[0]).line, what: error.message.split('\n')[0]! });
  if (faults.length > 0) return { rules: [], faults };
  const raw: unknown = document.toJS();
  const list = Array.isArray(raw) ? raw : [raw];
  const path = (n: number, rest: readonly (string | number)[]): (string | number)[] =>
    Array.isArray(raw) ? [n, ...rest] : [...rest];
  const names = new Set([...ours.map(({ id }) => id), ...taken]);
  const rules: Rule[] = [];
  for (const [n, one] of list.entries()) {
    const before = faults.length;
    /** The node of a field, or of the nearest thing around it. */
    const nodeAt = (where: readonly (string | number)[]): unknown => {
      for (let length = where.length; length >= 0; length--) {
        const node = length === 0 ? document.contents : document.getIn(where.slice(0, length), true);
        if (node) return node;
      }
      return null;
    };
    const parsed = OwnRule.safeParse(one);
    if (!parsed.success) {
      for (const issue of parsed.error.issues)
        at(
          nodeAt(path(n, issue.path as (string | number)[])),
          `${issue.path.join('.') || 'the rule'}: ${issue.message}`,
        );
      continue;
    }
    const rule = parsed.data;
    if (names.has(rule.id)) at(nodeAt(path(n, ['id'])), `there is a rule ${rule.id} already`);
    const signature = rule.signature.flatMap((source, k) => {
      try {
        return [new Limited(source, 'm')];
      } catch (error) {
        const node = nodeAt(path(n, ['signature', k]));
        at(isScalar(node) ? node : nodeAt(path(n, [])), `signature: ${(error as Error).message}`);
        return [];
      }
    });
    if (faults.length > before) continue;
    names.add(rule.id);
    const said = (words: string, match: RegExpExecArray): string =>
      words.replace(/\$([1-9])/g, (_, k: string) => match[Number(k)] ?? '');
    const base = {
      id: rule.id,
      about: rule.about,
      steps: rule.steps,
      signature,
      cause: ({ match }: { match: RegExpExecArray }) => said(rule.cause, match),
      ...(rule.language === undefined
        ? {}
        : {
            guard: ({ heal }: { heal: { service: { language: string } } }) => heal.service.language === rule.language,
          }),
    };
    rules.push(
      rule.actions === undefined
        ? {
            ...base,
            error: ({ match, heal }) =>
              fail('COMMAND_FAILED', {
                command: heal.evidence?.command ?? 'a command',
                met: heal.evidence?.exitCode == null ? 'an error' : `exit code ${heal.evidence.exitCode}`,
                last: said(rule.cause, match),
                fix: rule.do!,
              }).toRecord(),
          }
        : {
            ...base,
            does: [...new Set(rule.actions.map((action) => action.do))],
            actions: () => rule.actions!,
            key: () => rule.id,
            proves: rule.proves,
          },
    );
  }
  return { rules, faults };
}

/** Every rule of a state folder, in the order of the names of the files. */
export function rulesIn(state: string): { rules: Rule[]; faults: Fault[] } {
  const folder = join(state, 'rules');
  const all: { rules: Rule[]; faults: Fault[] } = { rules: [], faults: [] };
  if (!existsSync(folder)) return all;
  for (const name of readdirSync(folder).sort()) {
    if (!/\.(json|ya?ml)$/.test(name)) continue;
    const file = join(folder, name);
    try {
      const read = readRules(basename(file), readFileSync(file, 'utf8'), new Set(all.rules.map(({ id }) => id)));
      all.rules.push(...read.rules);
      all.faults.push(...read.faults);
    } catch (error) {
      all.faults.push({ file: name, line: 1, what: (error as Error).message });
    }
  }
  return all;
}
