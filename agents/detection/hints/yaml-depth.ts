/**
 * Whether YAML text nests deeper than anybody writes by hand.
 *
 * The parser recurses: some 10 000 open brackets exhaust the stack inside the engine, which ends the process rather than
 * throwing (measured with yaml 2.9 on Node 20). So this looks first, without parsing: brackets in strings count too.
 */
const deepest = 200;
const longest = 300_000;

/** @returns why the text must not be given to the parser, null when it may. */
export function refuseYaml(text: string): string | null {
  if (text.length > longest) return `it has ${text.length} characters, at most ${longest} are read`;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '[' || char === '{') depth++;
    else if ((char === ']' || char === '}') && depth > 0) depth--;
    if (depth > deepest) return `it nests deeper than ${deepest} levels`;
  }
  // Lists of lists and keys of keys on one line: `- - - x`, `? ? ? x`.
  return /(?:[-?:][ \t]+){200}/.test(text) ? `it nests deeper than ${deepest} levels` : null;
}
