/**
 * What comes from a repository (names, commands, what its programs print) made fit for a terminal: without escape
 * sequences, control characters and marks that reorder text. Line ends and tabs stay. Where it is written down it stays
 * as it was.
 */
const SEQUENCES =
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** All texts in a value, also as names of fields. */
export function harmless<T>(value: T): T {
  if (typeof value === 'string') return value.replace(SEQUENCES, '').replace(CONTROLS, '') as T;
  if (Array.isArray(value)) return value.map(harmless) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [harmless(name), harmless(part)])) as T;
}
