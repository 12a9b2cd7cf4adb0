/** YAML that reads back as what was written. */
import { Document, visit } from 'yaml';

/** A text that begins with a blank line stands in quotes: as a block it would lose the blanks of that line. */
export function yamlOf(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && /^\s+\n|^\n/.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0 });
}
