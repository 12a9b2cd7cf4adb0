/** Reading parsed manifests of unknown shape: what is not of the wanted shape counts as absent, never as an error. */
export type Table = Record<string, unknown>;

export const asTable = (value: unknown): Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};
export const asText = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** The strings of a list; what is not a string is left out. */
export const asTexts = (value: unknown): string[] =>
  asList(value).filter((item): item is string => typeof item === 'string');
/** Own keys only, so that a manifest's `__proto__` or `constructor` never reaches a prototype. */
export const at = (value: unknown, ...keys: string[]): unknown => {
  let here: unknown = value;
  for (const key of keys) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Table)[key];
  }
  return here;
};
