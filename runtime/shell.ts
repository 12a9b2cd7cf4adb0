/** Words for `sh -c`. */

/** A text as one word, whatever is in it. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** The same, left as it is where a shell would leave it too. */
export const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : quote(text));
