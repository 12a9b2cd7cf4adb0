/** A Makefile that compiles C or C++: its rules and variables as far as they are written out. */
import type { Evidence } from '../../contract.js';
import type { Place } from '../../place.js';
import { word } from '../source.js';
import { type Build, isAside, type Program } from './build.js';

interface Rule {
  target: string;
  needs: string[];
  recipe: string[];
  line: number;
}
const COMPILES = /(?:^|[\s@])(?:\$[({](?:CC|CXX|LD|LINK(?:\.\w+)?)[)}]|gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?)(?=\s)/;
/** What is longer is no rule that somebody wrote. */
const LONGEST_LINE = 4_000;
const MOST_RULES = 2_000;
const SOURCE = /\.(?:c|cc|cpp|cxx)$/;

export function readMake(place: Place): Build | null {
  const file = ['GNUmakefile', 'makefile', 'Makefile'].find((name) => place.has(name));
  if (file === undefined) return null;
  const { rules, variables } = readRules(place.read(file, 300_000) ?? '');
  const at = (claim: string, line: number): Evidence => ({ claim, file: place.full(file), line });
  const programs: Program[] = [];
  const libraries: Evidence[] = [];
  for (const { target, needs, recipe, line } of rules) {
    const links = recipe.find((step) => COMPILES.test(step) && !/(?:^|\s)-c(?:\s|$)/.test(step));
    const given = links === undefined ? null : /(?:^|\s)-o\s*(\S+)/.exec(links)?.[1];
    const output = resolve(
      given === undefined || given === null ? target : given.replace(/^\$[({]?@[)}]?$/, target),
      variables,
    );
    // A target without a recipe that needs objects or a source of its name is linked by make's own rule.
    const implicit =
      recipe.length === 0 &&
      /^[\w-]+$/.test(target) &&
      needs.some((need) => need === `${target}.o` || need === `${target}.c`);
    const archive = recipe.find((step) => /(?:^|\s)(?:\$[({]AR[)}]|ar)\s/.test(step));
    if (archive !== undefined && /\.a$/.test(resolve(target, variables)))
      libraries.push(at(`builds the library ${resolve(target, variables)}`, line));
    if ((links === undefined && !implicit) || /[$%]/.test(output) || /\.(?:o|a|so[\d.]*|dylib)$/.test(output)) continue;
    if (links !== undefined && /\s-shared\b/.test(links)) {
      libraries.push(at(`builds the library ${output}`, line));
      continue;
    }
    const all = [...needs, ...(links === undefined ? [] : links.split(/\s+/))].flatMap((need) =>
      resolve(need, variables).split(/\s+/),
    );
    const sources = all.flatMap((need) => findSource(place, need));
    const name = output.replace(/^\.\//, '');
    if (programs.some((program) => program.name === name)) continue;
    programs.push({
      name,
      run: word(`./${name}`),
      sources: sources.length === 0 ? null : [...new Set(sources)],
      evidence: at(`builds the program ${name}`, line),
      aside: isAside(name),
    });
  }
  if (programs.length === 0 && libraries.length === 0) return null;
  const test = rules.find(({ target }) => /^(?:test|check|tests)$/.test(target));
  const targetOf = new Map(rules.map(({ target }) => [resolve(target, variables).replace(/^\.\//, ''), target]));
  return {
    manager: 'make',
    name: null,
    build: (program) => [program !== null && targetOf.has(program.name) ? `make ${word(program.name)}` : 'make'],
    programs,
    libraries,
    test: test === undefined ? null : `make ${test.target}`,
    versions: {},
    // Objects come to lie beside the sources, whatever they are called.
    writes: programs.map(({ name }) => name),
    evidence: [at('a Makefile that compiles', (programs[0]?.evidence ?? libraries[0]!).line ?? 1)],
  };
}

function readRules(text: string): { rules: Rule[]; variables: Map<string, string> } {
  const variables = new Map<string, string>();
  const rules: Rule[] = [];
  let open: Rule[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length && rules.length < MOST_RULES; index++) {
    const line = index + 1;
    let whole = lines[index]!;
    while (whole.endsWith('\\') && index + 1 < lines.length && whole.length < 20_000)
      whole = `${whole.slice(0, -1)} ${lines[++index]}`;
    if (whole.startsWith('\t')) {
      for (const rule of open) rule.recipe.push(whole.trim());
      continue;
    }
    const plain = whole
      .slice(0, LONGEST_LINE)
      .replace(/(?<!\\)#.*$/, '')
      .trimEnd();
    const variable = /^\s*(?:export\s+|override\s+)?([\w.-]+)\s*(\+?|::?|\?|!)=\s*(.*)$/.exec(plain);
    if (variable !== null) {
      const before = variable[2] === '+' ? `${variables.get(variable[1]!) ?? ''} ` : '';
      if (variable[2] !== '?' || !variables.has(variable[1]!))
        variables.set(variable[1]!, `${before}${variable[3]}`.trim());
      open = [];
      continue;
    }
    const rule = /^([^\s:=][^:=]*?)\s*::?(?!=)\s*([^;|]*)(?:\|[^;]*)?(?:;(.*))?$/.exec(plain);
    if (rule === null) {
      if (plain.trim() !== '') open = [];
      continue;
    }
    open = rule[1]!
      .split(/\s+/)
      .filter((target) => !target.startsWith('.'))
      .map((target) => ({
        target,
        needs: rule[2]!.split(/\s+/).filter(Boolean),
        recipe: rule[3] === undefined ? [] : [rule[3].trim()],
        line,
      }));
    rules.push(...open);
  }
  return { rules, variables };
}

/** `$(NAME)` and `$(NAME:.c=.o)` by the file's own variables; what make works out by functions stays. */
function resolve(text: string, variables: ReadonlyMap<string, string>, depth = 4): string {
  if (depth === 0 || !text.includes('$')) return text.trim();
  const once = text.replace(
    /\$(?:\(([\w.-]+)(?::%?([\w.]+)=%?([\w.]+))?\)|\{([\w.-]+)\})/g,
    (whole, name?: string, from?: string, to?: string, other?: string) => {
      const value = variables.get(name ?? other ?? '');
      if (value === undefined) return whole;
      return from === undefined
        ? value
        : value
            .split(/\s+/)
            .map((each) => (each.endsWith(from) ? `${each.slice(0, -from.length)}${to}` : each))
            .join(' ');
    },
  );
  return once === text ? text.trim() : resolve(once, variables, depth - 1);
}

/** A source, or the source of an object: `build/server.o` of `src/server.c`. */
function findSource(place: Place, need: string): string[] {
  const path = need.replace(/^\.\//, '');
  if (SOURCE.test(path) && place.has(path)) return [path];
  const base = /([^/]+)\.o$/.exec(path)?.[1];
  if (base === undefined) return [];
  const file = place
    .files()
    .find((one) => SOURCE.test(one) && one.slice(one.lastIndexOf('/') + 1).replace(SOURCE, '') === base);
  return file === undefined ? [] : [file];
}
