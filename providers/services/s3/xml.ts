/** XML as S3 speaks it: small documents without attributes that matter. Pure. */
import { Refused } from './refusal.js';

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    // What a reader of XML would make spaces of.
    .replace(/[\t\n\r]/g, (one) => `&#${one.charCodeAt(0)};`);
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const plain = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) =>
    name !== undefined ? (NAMED[name] ?? whole) : String.fromCodePoint(Number.parseInt(hex ?? decimal!, hex ? 16 : 10)),
  );

export type Tree = { [name: string]: string | number | boolean | Tree | (string | Tree)[] | undefined };
const inner = (tree: Tree): string =>
  Object.entries(tree)
    .map(([name, value]) =>
      value === undefined
        ? ''
        : [value]
            .flat()
            .map((one) => `<${name}>${typeof one === 'object' ? inner(one) : escaped(String(one))}</${name}>`)
            .join(''),
    )
    .join('');
/** @param root e.g. `ListBucketResult`. */
export const document = (root: string, tree: Tree): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner(tree)}</${root}>`;

/** The texts of all elements of a name, in their order: of these documents none is within its like. */
export const elements = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([\\s\\S]*?)</(?:\\w+:)?${name}>`, 'g'))].map(
    ([, text]) => text!,
  );
/** Its first text, unescaped; null: there is none. */
export const element = (xml: string, name: string): string | null => {
  const text = elements(xml, name)[0];
  return text === undefined ? null : plain(text.trim());
};
/** @throws Refused when it is not the document that is wanted. */
export function expectRoot(xml: string, root: string): void {
  if (!new RegExp(`<(?:\\w+:)?${root}[\\s/>]`).test(xml))
    throw new Refused('MalformedXML', `The body is not a ${root} document.`);
}
