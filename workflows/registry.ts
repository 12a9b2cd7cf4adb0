/**
 * The workflows of a system: ours, and those that people lay into `<state>/workflows/` as JSON or YAML. Each is checked
 * when it is read, and one with a fault is not there; what is wrong with it is kept to be told. A definition that was
 * replaced is kept as long as this process lives, so that the runs it began go on by it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { faults, type World } from '../runtime/workflow/check.js';
import { graphOf } from '../runtime/workflow/graph.js';
import { pathsIn, type Workflow, type Workflows } from '../runtime/workflow.js';
import { buildAll, buildService } from './build-all.js';
import { check } from './check.js';
import { Definition } from './contract.js';
import { repoRun } from './repo-run.js';
import { runAll, runService } from './run-all.js';
import { tests } from './tests.js';

export interface Read {
  /** Path of the file; null: one of ours. */
  file: string | null;
  name: string;
  faults: string[];
}
export interface Registry extends Workflows {
  /** Reads the folder anew. */
  refresh(): void;
  /** Every definition that was met, whole or not. */
  all(): Read[];
  /** What is wrong with a definition, were it laid into the folder. */
  check(raw: unknown): { name: string; faults: string[] };
  /** The same for the text of a file. */
  checkText(text: string): { name: string; faults: string[] };
}
const own: readonly Workflow[] = [repoRun, runAll, runService, tests, check, buildAll, buildService];

const findOwn = (name: string): Workflow | null => own.find((one) => one.name === name) ?? null;
const linked = new Map(own.map(({ name }) => [name, link(name, findOwn)]));
/** Ours, without any folder. */
export const ownWorkflows: Workflows = {
  find: (name) => linked.get(name) ?? null,
  list: () => [...linked.values()],
};

/** A definition as a person writes it, JSON or YAML. @throws what the parser says. */
export const readDefinition = (text: string): unknown => parseYaml(text, { prettyErrors: true, maxAliasCount: 100 });

/** Whether its steps, or those of one it does, name the source of the job. */
export const wantsSource = (workflow: Workflow): boolean =>
  workflow.steps.some((step) => pathsIn([step.with, step.approval]).some((path) => path.startsWith('job.source'))) ||
  Object.values(workflow.uses ?? {}).some(wantsSource);

/** @param state the state folder. @param kinds that steps may ask. */
export function openWorkflows(state: string, kinds: NonNullable<World['kinds']>): Registry {
  const folder = join(state, 'workflows');
  const byPrint = new Map<string, Workflow>();
  let byName = new Map<string, Workflow>();
  let met: Read[] = [];

  const refresh = (): void => {
    met = [];
    const raw = new Map<string, { file: string | null; workflow: Workflow }>();
    for (const workflow of own) raw.set(workflow.name, { file: null, workflow });
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => /\.(json|ya?ml)$/.test(name)) : [];
    for (const name of files.sort()) {
      const file = join(folder, name);
      const read = parseFile(file);
      const other = read.workflow && raw.get(read.workflow.name);
      if (other)
        read.faults.push(
          `${read.workflow!.name} is ${other.file === null ? 'one of ours' : `in ${other.file} too`}: choose another name`,
        );
      if (read.workflow && read.faults.length === 0) raw.set(read.workflow.name, { file, workflow: read.workflow });
      else met.push({ file, name: read.workflow?.name ?? basename(name), faults: read.faults });
    }
    const find = (name: string): Workflow | null => raw.get(name)?.workflow ?? null;
    const found = new Map([...raw].map(([name, { workflow }]) => [name, faults(workflow, { kinds, find })]));
    byName = new Map();
    for (const [name, { file }] of raw) {
      const wrong = [...found.get(name)!, ...brokenUses(name, find, found)];
      met.push({ file, name, faults: wrong });
      if (wrong.length > 0) continue;
      const workflow = link(name, find);
      const { print } = graphOf(workflow).flow;
      // The same object as long as it is the same definition: what is known of it is worked out once.
      const known = byPrint.get(print) ?? workflow;
      byPrint.set(print, known);
      byName.set(name, known);
    }
  };
  refresh();
  const checked = (raw: unknown): { name: string; faults: string[] } => {
    const read = parsed(raw, 'it');
    if (!read.workflow) return { name: 'it', faults: read.faults };
    const { workflow } = read;
    const find = (name: string): Workflow | null => (name === workflow.name ? workflow : (byName.get(name) ?? null));
    const ours = own.some(({ name }) => name === workflow.name)
      ? [`${workflow.name} is one of ours: choose another name`]
      : [];
    return { name: workflow.name, faults: [...ours, ...faults(workflow, { kinds, find })] };
  };
  return {
    refresh,
    check: checked,
    checkText(text) {
      try {
        return checked(readDefinition(text));
      } catch (error) {
        return { name: 'it', faults: [`it cannot be read: ${(error as Error).message.split('\n')[0]}`] };
      }
    },
    all: () => met,
    list: () => [...byName.values()],
    find: (name, print) => (print === undefined ? undefined : byPrint.get(print)) ?? byName.get(name) ?? null,
  };
}

function parseFile(file: string): { workflow: Workflow | null; faults: string[] } {
  try {
    return parsed(readDefinition(readFileSync(file, 'utf8')), basename(file));
  } catch (error) {
    return { workflow: null, faults: [`${basename(file)} cannot be read: ${(error as Error).message.split('\n')[0]}`] };
  }
}
function parsed(raw: unknown, what: string): { workflow: Workflow | null; faults: string[] } {
  const { success, data, error } = Definition.safeParse(raw);
  if (success) return { workflow: data as unknown as Workflow, faults: [] };
  const wrong = error.issues.map(({ path, message }) => `${path.length > 0 ? path.join('.') : what}: ${message}`);
  return { workflow: null, faults: wrong.length > 0 ? wrong : [z.prettifyError(error)] };
}

/** It does one that cannot be used. */
function brokenUses(
  name: string,
  find: (name: string) => Workflow | null,
  found: ReadonlyMap<string, string[]>,
  seen: readonly string[] = [],
): string[] {
  return (find(name)?.steps ?? []).flatMap(({ id, workflow: used }) => {
    if (used === undefined || seen.includes(used) || !find(used)) return [];
    const wrong = [...(found.get(used) ?? []), ...brokenUses(used, find, found, [...seen, name])];
    return wrong.length > 0 ? [`${id} does ${used}, which cannot be used: ${wrong[0]}`] : [];
  });
}
/** A definition with those it uses. */
function link(name: string, find: (name: string) => Workflow | null): Workflow {
  const workflow = find(name)!;
  const names = [...new Set(workflow.steps.flatMap(({ workflow: used }) => (used === undefined ? [] : [used])))];
  return names.length === 0
    ? workflow
    : { ...workflow, uses: Object.fromEntries(names.map((one) => [one, link(one, find)])) };
}
