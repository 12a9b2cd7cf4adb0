/** JUnit's XML, which almost every runner can write: each `<testcase>` with what is in it. */
import { add, type Counts, countsBy } from './counts.js';

/** @param text of one report. @returns null: it is none. */
export function readJunit(text: string): Counts | null {
  const start = text.search(/<testsuites?[\s>/]/);
  if (start < 0) return null;
  // What a test printed may look like anything.
  const xml = withoutText(text.slice(start));
  let [passed, failed, skipped] = [0, 0, 0];
  for (const part of xml.split(/<testcase(?=[\s/>])/).slice(1)) {
    const head = part.slice(0, part.indexOf('>') + 1);
    const inside = head.endsWith('/>') ? '' : part.slice(head.length).split('</testcase>')[0]!;
    if (/<(?:failure|error)[\s/>]/.test(inside)) failed += 1;
    else if (/<skipped[\s/>]/.test(inside)) skipped += 1;
    else passed += 1;
  }
  return countsBy(passed, failed, skipped);
}
/** Without CDATA and comments, and without `>` in attributes: those of a name may hold one. */
function withoutText(xml: string): string {
  let out = '';
  for (let at = 0; at < xml.length; ) {
    const next = xml.indexOf('<!', at);
    if (next < 0) return plainAttributes(out + xml.slice(at));
    out += xml.slice(at, next);
    const end = xml.startsWith('<![CDATA[', next) ? ']]>' : xml.startsWith('<!--', next) ? '-->' : '>';
    const close = xml.indexOf(end, next);
    if (close < 0) return plainAttributes(out);
    at = close + end.length;
  }
  return plainAttributes(out);
}
const plainAttributes = (xml: string): string => xml.replace(/="[^"<]*"/g, '=""');

/** Several reports of one run. */
export const readReports = (texts: readonly string[]): Counts | null =>
  add(texts.flatMap((text) => readJunit(text) ?? []));
