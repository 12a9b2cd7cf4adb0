/** Picks out of a command's output the line that says most about why it failed. */
import { plain } from './tail.js';

const NOISE: readonly RegExp[] = [
  /^$/,
  /^[\s\W_]*$/,
  /^at\s/,
  /^\^+$/,
  /^Node\.js v\d/,
  /^(?:npm (?:error|ERR!)\s*)?(?:A complete log of this run|To see a list of scripts|code |errno |path |syscall |command |Lifecycle script|workspace |location |signal |network |For a full report|Run "npm help|dest |file )/,
  /^npm (?:warn|notice|info)\b/i,
  /^npm (?:error|ERR!)\s*$/,
  /_logs[/\\]/,
  // where a module was asked for
  /^- (?:[A-Za-z]:)?[/\\]\S*$/,
  /^Require stack:$/,
  /^> /,
  /^(?:code|errno|syscall|address|port|path|type|requireStack|library|reason|opensslErrorStack|url|hostname|spawnargs|cause|generatedMessage): /,
  /ELIFECYCLE/,
  /^(?:error )?Command failed with exit code/,
  /^info Visit /,
  /^error: script ".*" (?:exited|was terminated)/,
  /^make(?:\[\d+\])?: \*\*\* (?!No rule)/,
  // Where a program of Rust was when it panicked, and what Maven says after what it had to say.
  /^stack backtrace:$/,
  /^\d+: (?:0x[0-9a-f]+ - )?[\w<{].*(?:::|main)/,
  /^\[ERROR\]\s*(?:$|\[Help \d+\]|To see the full stack trace|Re-run Maven|For more information about the errors|After correcting the problems)/,
  /^Emitted 'error' event/,
  /^(?:node:)?internal\//,
  /^node:\w+(?:\/\w+)*:\d+$/,
  /^throw\b/,
  /^File "[^"]+", line \d+/,
  /^Traceback \(most recent call last\)/,
  /^note: /i,
  /^hint: /i,
  /^\[notice\]/,
  /^WARNING: /,
];
const STRONG =
  /^(?:\S+\s){0,3}(?:Uncaught )?(?:[\w.]*(?:Error|Exception|Panic)\b(?:\s\[\w+\])?|error(?:\[\w+\]| TS\d+)?|fatal(?: error)?|panic|ERROR|FATAL)\s?:/i;
const WEAK =
  /\b(?:error|failed|failure|cannot|can't|could not|not found|unable to|denied|refused|missing|invalid|unexpected|unsupported|not compatible|in use)\b/i;
/** Of node, npm and their like; the codes of errors are written large. */
const CODE = /\b(?:ERR_\w+|E[A-Z]{5,})\b/;

const saying = (text: string): string[] =>
  plain(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !NOISE.some((noise) => noise.test(line)))
    .map((line) => line.replace(/^npm (?:error|ERR!)\s*/, ''));

/** The last line that is an error by its form, in the log of a program that goes on. @returns at most 300 characters. */
export const errorLine = (text: string): string | null =>
  saying(text)
    .findLast((line) => STRONG.test(line))
    ?.slice(0, 300) ?? null;

/** @returns at most 300 characters; null for a text with nothing to say. */
export function mainLine(text: string): string | null {
  const lines = saying(text);
  // Compilers say the first thing first; a program that dies says it last.
  const compiler = lines.find((line) => /\berror TS\d+:|^error\[E\d+\]/.test(line));
  const line =
    compiler ??
    lines.findLast((one) => STRONG.test(one)) ??
    lines.findLast((one) => WEAK.test(one) || CODE.test(one)) ??
    lines.at(-1);
  return line === undefined ? null : line.slice(0, 300);
}
