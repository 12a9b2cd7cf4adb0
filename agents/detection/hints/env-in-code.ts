/**
 * Environment variables the source itself reads, with the default it falls back to.
 *
 * A textual scan, one pattern a way of asking: it finds what is written out and misses what is computed. A variable is
 * required only where the program says so: it throws, or asks in the way that fails (`os.environ['X']`, `ENV.fetch`).
 */
import type { Hint } from '../contract.js';
import { findDsnNeed } from './local-urls.js';
import { type SourceFile, sayEnv, sayNeed, sayPort } from './source.js';

interface Reading {
  name: string;
  required: boolean;
  default: string | null;
}
interface Asking {
  /** Group 1 (or 2) is the name. */
  pattern: RegExp;
  /** What the text around the hit says of it. */
  judge(before: string, after: string): Omit<Reading, 'name'>;
}

const literal = `(?:"((?:[^"\\\\\\n]|\\\\.)*)"|'((?:[^'\\\\\\n]|\\\\.)*)'|\`([^\`$\\\\]*)\`|(-?\\d[\\d_.]*|true|false|True|False))`;
/** The literal's groups: three kinds of quotes, or a bare number or truth value. */
const literalOf = (hit: RegExpExecArray, first = 1): string | null =>
  hit[first] ?? hit[first + 1] ?? hit[first + 2] ?? hit[first + 3]?.replace(/(?<=\d)_(?=\d)/g, '') ?? null;
const fallbackIn = (text: string, before: string): string | null => {
  const hit = new RegExp(`^${before}${literal}`).exec(text);
  return hit === null ? null : literalOf(hit);
};
const given = (value: string | null, required: boolean): Omit<Reading, 'name'> => ({
  required,
  default: value === '' ? null : value,
});

const node: Asking = {
  pattern:
    /(?:process\.env|import\.meta\.env|Bun\.env)(?:\??\.([A-Za-z_]\w*)|(?:\?\.)?\[\s*['"]([A-Za-z_]\w*)['"]\s*\])/g,
  judge(before, after) {
    // `process.env.X!`: the author swears that it is set.
    if (/^!(?!=)/.test(after)) return given(null, true);
    const rest = after.replace(/^\s*\)+/, '');
    const value = fallbackIn(rest, '\\s*(?:\\|\\||\\?\\?)\\s*');
    if (value !== null || /^\s*(?:\|\||\?\?)/.test(rest)) {
      return given(value, value === null && /^\s*(?:\|\||\?\?)\s*(?:\(\(\)\s*=>\s*\{\s*)?throw\b/.test(rest));
    }
    const negated = /(?:if|\|\|)\s*\(?\s*!\s*$/.test(before) || /^\s*===?\s*(?:undefined|null|['"]['"])/.test(after);
    return given(
      null,
      (negated && /^[^;]{0,120}?(?:\bthrow\b|process\.exit\()/s.test(after)) ||
        /(?:assert|invariant)(?:\.ok)?\(\s*$/.test(before),
    );
  },
};
const denoGet: Asking = {
  pattern: /Deno\.env\.get\(\s*['"](\w+)['"]\s*\)/g,
  judge: (_, after) =>
    after.startsWith('!') ? given(null, true) : given(fallbackIn(after, '\\s*(?:\\|\\||\\?\\?)\\s*'), false),
};
/** `DATABASE_URL: z.string().url()`, `PORT: port({ default: 3000 })` in a schema of the environment. */
const schema: Asking = {
  pattern: /^\s*([A-Z][A-Z0-9_]*)\s*:\s*(?=(?:z|Joi|v|t|envalid|yup)\.|(?:str|num|port|url|bool|host|email|json)\()/gm,
  judge(_, after) {
    const end = after.search(/,?\s*\n\s*(?:[A-Za-z_]\w*\s*:|\}|\/\/)/);
    const text = (end < 0 ? after : after.slice(0, end)).replace(/\s*\n\s*/g, ' ');
    const hit = new RegExp(`(?:\\.(?:default|prefault|catch)\\(|default:)\\s*${literal}`).exec(text);
    return given(
      hit === null ? null : literalOf(hit),
      hit === null && !/optional\(|nullish\(|default|\.required\(false/.test(text),
    );
  },
};
const pythonItem: Asking = {
  pattern: /\benviron\[\s*['"](\w+)['"]\s*\](?!\s*=[^=])/g,
  judge: () => given(null, true),
};
const pythonGet: Asking = {
  pattern: /\b(?:environ\.get|getenv)\(\s*['"](\w+)['"]/g,
  judge: (_, after) =>
    given(fallbackIn(after, '\\s*,\\s*(?:default\\s*=\\s*)?') ?? fallbackIn(after, '\\s*\\)\\s*or\\s+'), false),
};
/** python-decouple, environs, django-environ. */
const pythonConfig: Asking = {
  pattern: /(?<![\w.])(?:config|env(?:\.\w+)?)\(\s*['"]([A-Z][A-Z0-9_]*)['"]/g,
  judge(_, after) {
    const inside = after.slice(0, after.search(/\)|$/) + 1);
    const value =
      fallbackIn(inside.slice(Math.max(0, inside.indexOf('default'))), 'default\\s*=\\s*') ??
      fallbackIn(inside, '\\s*,\\s*');
    return given(value, value === null && !/default|,/.test(inside));
  },
};
const rubyItem: Asking = {
  pattern: /\bENV\[\s*['"](\w+)['"]\s*\](?!\s*=[^=~])/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\|\\|\\s*'), false),
};
const rubyFetch: Asking = {
  pattern: /\bENV\.fetch\(\s*['"](\w+)['"]/g,
  judge(_, after) {
    const value = fallbackIn(after, '\\s*,\\s*') ?? fallbackIn(after, '\\s*\\)\\s*\\{\\s*');
    return given(value, value === null && !/^\s*(?:,|\)\s*(?:\{|do\b))/.test(after));
  },
};
const php: Asking = {
  pattern: /(?:\b(?:getenv|env)\(\s*['"](\w+)['"]|\$_(?:ENV|SERVER)\[\s*['"]([A-Z][A-Z0-9_]*)['"]\s*\])/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*,\\s*') ?? fallbackIn(after, '\\s*\\)?\\s*\\?[?:]\\s*'), false),
};
const go: Asking = {
  pattern: /\bos\.(?:Getenv|LookupEnv)\(\s*"(\w+)"\s*\)/g,
  judge: (_, after) => given(null, /^\s*==\s*""\s*\{[^}]{0,120}?(?:log\.Fatal|panic\(|os\.Exit)/s.test(after)),
};
const rust: Asking = {
  pattern: /\benv::var\(\s*"(\w+)"\s*\)/g,
  judge(_, after) {
    const value = fallbackIn(after, '\\s*\\.unwrap_or(?:_else)?\\(\\s*(?:\\|_\\w*\\|\\s*)?');
    return given(value, /^\s*(?:\.(?:unwrap|expect)\(|\?)/.test(after));
  },
};
const java: Asking = {
  pattern: /\bSystem\.getenv\(\s*"(\w+)"\s*\)|\bSystem\.getenv\(\)\.get(?:OrDefault)?\(\s*"(\w+)"/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*(?:,|\\?:)\\s*'), false),
};
const dotnet: Asking = {
  pattern: /\bEnvironment\.GetEnvironmentVariable\(\s*"(\w+)"\s*\)/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\?\\?\\s*'), /^\s*\?\?\s*throw\b/.test(after)),
};
const elixir: Asking = {
  pattern: /\bSystem\.(?:fetch_env!|get_env)\(\s*"(\w+)"/g,
  judge: (before, after) =>
    given(
      fallbackIn(after, '\\s*,\\s*') ?? fallbackIn(after, '\\s*\\)\\s*\\|\\|\\s*'),
      /fetch_env!\(\s*"\w+"$/.test(before),
    ),
};
/** C and C++, Clojure: `getenv("X")`, `(System/getenv "X")`. */
const getenv: Asking = {
  pattern: /\b(?:std::|System\/)?getenv(?:\s*\(\s*|\s+)"(\w+)"/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\)\\s*(?=")'), false),
};
const swift: Asking = {
  pattern: /\bEnvironment\.get\(\s*"(\w+)"\s*\)|\benvironment\[\s*"(\w+)"\s*\]/g,
  judge: (_, after) => given(fallbackIn(after, '(?:\\.flatMap\\([^)]*\\))?\\s*\\?\\?\\s*'), /^!/.test(after)),
};
const zig: Asking = {
  pattern: /\b(?:getEnvVarOwned\(\s*[\w.]+\s*,|getenv\()\s*"(\w+)"/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\)\\s*(?:orelse|catch)\\s*'), false),
};
const crystalItem: Asking = {
  pattern: /\bENV\[\s*"(\w+)"\s*\](?!\s*=[^=~])/g,
  // Without a question mark it raises.
  judge: (_, after) => given(fallbackIn(after, '\\?\\s*\\|\\|\\s*'), !after.startsWith('?')),
};
const dart: Asking = {
  pattern: /\bPlatform\.environment\[\s*['"](\w+)['"]\s*\]/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\?\\?\\s*'), /^!/.test(after)),
};
const haskell: Asking = {
  pattern: /\b(?:lookupEnv|getEnv)\s+"(\w+)"/g,
  judge: (before) => given(null, /\bgetEnv\s+"\w+"$/.test(before)),
};
const scala: Asking = {
  pattern: /\bsys\.env(?:\.get(?:OrElse)?)?\(\s*"(\w+)"/g,
  judge: (before, after) =>
    given(
      fallbackIn(after, '\\s*,\\s*') ?? fallbackIn(after, '\\s*\\)(?:\\.flatMap\\([^)]*\\))?\\.getOrElse\\(\\s*'),
      /sys\.env\(\s*"\w+"$/.test(before),
    ),
};
const gleam: Asking = {
  pattern: /\b(?:envoy|os|env)\.get(?:_env)?\(\s*"(\w+)"\s*\)/g,
  judge: (_, after) => given(fallbackIn(after, '\\s*\\|>\\s*result\\.unwrap\\(\\s*'), false),
};

const askings: Record<string, readonly Asking[]> = {
  py: [pythonItem, pythonGet],
  rb: [rubyItem, rubyFetch],
  ru: [rubyItem, rubyFetch],
  php: [php],
  go: [go],
  rs: [rust],
  java: [java],
  kt: [java],
  cs: [dotnet],
  ex: [elixir],
  exs: [elixir],
  c: [getenv],
  cc: [getenv],
  cpp: [getenv],
  cxx: [getenv],
  clj: [getenv],
  swift: [swift],
  zig: [zig],
  cr: [crystalItem, rubyFetch],
  dart: [dart],
  hs: [haskell],
  scala: [scala, java],
  gleam: [gleam],
};
/** Those whose own words say whether it is required. */
const withAsking = new Set([elixir, haskell, scala]);
const nodeFile = /\.(?:[cm]?[jt]sx?|vue|svelte|astro)$/;
export const sourceFile =
  /\.(?:[cm]?[jt]sx?|vue|svelte|astro|py|rb|ru|php|go|rs|java|kt|cs|exs?|c|cc|cpp|cxx|clj|swift|zig|cr|dart|hs|scala|gleam)$/;

/** Set by the bundler, not by anybody's environment. */
const bundled = /^(?:MODE|DEV|PROD|BASE_URL|SSR)$/;
const portName = /^(?:(?:APP|SERVER|HTTP|API|WEB|NODE|BACKEND)_)?PORT$/;

export function readEnvInCode(file: SourceFile): Hint[] {
  const { text, path } = file;
  const lines = lineStarts(text);
  const hints: Hint[] = [];
  const say = (at: number, { name, required, default: value }: Reading): void => {
    const line = lineAt(lines, at);
    const comment = /^\s*(?:\/\/|#|\*|\/\*|--)/.test(text.slice(lines[line - 1], at));
    if (comment) return;
    hints.push(sayEnv(file, line, required ? 0.85 : value !== null ? 0.8 : 0.4, { name, required, default: value }));
    if (value === null) return;
    if (portName.test(name) && /^\d+$/.test(value)) hints.push(sayPort(file, line, 0.75, Number(value)));
    const need = findDsnNeed(value);
    if (need !== null) hints.push(sayNeed(file, line, 0.5, need));
  };
  const extension = path.slice(path.lastIndexOf('.') + 1);
  for (const asking of nodeFile.test(path) ? nodeAskings(text) : pythonMore(extension, text)) {
    for (const hit of text.matchAll(asking.pattern)) {
      const name = hit[1] ?? hit[2]!;
      if (asking === node && hit[0].startsWith('import.meta') && bundled.test(name)) continue;
      const end = hit.index + hit[0].length;
      // Assigning to it is not asking for it.
      if ((asking === node || asking === php) && /^\s*(?:[|?&]{2})?=(?![=>])/.test(text.slice(end, end + 8))) continue;
      const before = text.slice(Math.max(0, hit.index - 60), hit.index) + (withAsking.has(asking) ? hit[0] : '');
      say(hit.index, { name, ...asking.judge(before, text.slice(end, end + 300)) });
    }
  }
  if (nodeFile.test(path))
    for (const hit of text.matchAll(/\{([^{}]{1,600})\}\s*=\s*(?:process|import\.meta|Bun)\.env\b/g))
      for (const part of hit[1]!.split(',')) {
        const one = new RegExp(`^\\s*([A-Za-z_]\\w*)\\s*(?::\\s*\\w+\\s*)?(?:=\\s*${literal})?`).exec(part);
        if (one !== null) say(hit.index, { name: one[1]!, ...given(literalOf(one, 2), false) });
      }
  return hints;
}

const nodeAskings = (text: string): readonly Asking[] => {
  const isSchema =
    /process\.env|import\.meta\.env|cleanEnv|createEnv/.test(text) &&
    /\.object\(|cleanEnv\(|createEnv\(|\.keys\(/.test(text);
  return isSchema ? [node, denoGet, schema] : [node, denoGet];
};
const pythonMore = (extension: string, text: string): readonly Asking[] => {
  const known = askings[extension] ?? [];
  return extension === 'py' && /\b(?:decouple|environs?|starlette\.config)\b/.test(text)
    ? [...known, pythonConfig]
    : known;
};

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
/** From 1. */
function lineAt(starts: readonly number[], at: number): number {
  let low = 0;
  let high = starts.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= at) low = middle;
    else high = middle;
  }
  return low + 1;
}
