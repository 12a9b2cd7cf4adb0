/** What a bucket's policy lets anybody do. Only `Allow` for everybody is read, as far as a website's files need it. Pure. */
type Raw = Record<string, unknown>;
const list = (raw: unknown): string[] =>
  (Array.isArray(raw) ? raw : [raw]).filter((one): one is string => typeof one === 'string');
const isEverybody = (raw: unknown): boolean =>
  raw === '*' || (raw !== null && typeof raw === 'object' && list((raw as Raw).AWS).includes('*'));
const fits = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .split(/([*?])/)
      .map((part) => (part === '*' ? '.*' : part === '?' ? '.' : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))
      .join('')}$`,
    's',
  ).test(text);

/**
 * @param action e.g. `s3:GetObject`. @param resource `bucket` or `bucket/key`.
 * A statement that denies, or that has conditions we do not read, allows nothing.
 */
export function isOpen(policy: string | undefined, action: string, resource: string): boolean {
  if (policy === undefined) return false;
  const statements = [(JSON.parse(policy) as Raw).Statement].flat() as Raw[];
  const about = statements.filter(
    (one) =>
      isEverybody(one.Principal) &&
      list(one.Action).some((pattern) => fits(pattern, action)) &&
      list(one.Resource).some((pattern) => fits(pattern, `arn:aws:s3:::${resource}`)),
  );
  return (
    about.some((one) => one.Effect === 'Allow' && one.Condition === undefined) &&
    !about.some((one) => one.Effect === 'Deny')
  );
}
