/**
 * Reads the body of an answer the way a person would: what it says, and whether that is the application speaking or its
 * failure. Pure. A page may well talk about errors (a tutorial, an issue tracker), so words count as a failure only
 * where a failing program puts them: in the title, at the very start, or in markup that only error pages have.
 */

/** What there is to know of a body, small enough to report. */
export interface Page {
  html: boolean;
  title: string | null;
  /** Plain text, whitespace folded, at most 300 characters. */
  excerpt: string;
  /** Characters of visible text, of what was read. */
  textLength: number;
  /** Local scripts that would fill an empty document, as written. */
  scripts: string[];
  /** Scripts of any kind, inline ones too. */
  scripted: boolean;
  /** Images, frames, inputs and the like: something to see although there is no text. */
  embeds: boolean;
  /** Links that can be seen: a shell that waits for its scripts has none. */
  links: boolean;
  /** What relative links start from, where the document says so. */
  base: string | null;
  /** The failure the body shows, in words; null: none. */
  failure: string | null;
  /** A health answer in JSON that says the application is ill, in words. */
  illness: string | null;
  /** It refuses the host name it was asked by. */
  hostRefused: boolean;
  /** What answers is not the application: a proxy or a default page of a server. */
  stranger: string | null;
  /** It asks to be spoken to over TLS. */
  wantsTls: boolean;
  notes: string[];
}

const EXCERPT = 300;
const fold = (text: string): string => text.replace(/\s+/g, ' ').trim();

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  mdash: '—',
  ndash: '–',
  hellip: '…',
  middot: '·',
};
const decode = (text: string): string =>
  text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,8});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name.toLowerCase()] ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** Removes `<tag …>…</tag>`; one that never ends (the body was cut) takes the rest with it. */
const without = (html: string, tag: string): string =>
  html.replace(new RegExp(`<${tag}\\b[^>]*>[\\s\\S]*?(?:</${tag}\\s*>|$)`, 'gi'), ' ');

const stripTags = (html: string): string =>
  fold(decode(html.replace(/<!--[\s\S]*?(?:-->|$)/g, ' ').replace(/<[^>]*(?:>|$)/g, ' ')));
const visibleText = (html: string): string =>
  stripTags(['script', 'style', 'template', 'noscript', 'head', 'title', 'svg'].reduce(without, html));

/** Markup that nothing but an error page has. */
const errorMarks: [RegExp, string][] = [
  [/<b>(?:Fatal error|Parse error)<\/b>:[\s\S]{0,2000}? on line <b>\d+<\/b>/, 'a PHP fatal error'],
  [/^\s*(?:PHP )?(?:Fatal|Parse) error:\s[\s\S]{0,2000}? on line \d+/, 'a PHP fatal error'],
  [/<title>[^<]*\/\/ Werkzeug Debugger<\/title>/, 'the Werkzeug debugger'],
  [/You['’]re seeing this error because you have <code>DEBUG = True<\/code>/, "Django's debug page"],
  [/import\s*\{\s*ErrorOverlay\s*\}\s*from|new ErrorOverlay\(/, "Vite's error overlay"],
  [/<h1>Whitelabel Error Page<\/h1>/, "Spring's error page"],
  [/<title>Action Controller: Exception caught<\/title>/, "Rails' exception page"],
  [/class="?(?:ignition|exception-summary|exception__message)|window\.ignite\s*\(/, "the framework's debug page"],
];
/** Titles and first words of error pages. */
const errorWords: [RegExp, string][] = [
  [/^(?:5\d\d\b[\s:|–—-]*)?internal server error\b/i, 'Internal Server Error'],
  [/^(?:error )?50[0234]\b[\s:|–—-]*(?:internal|bad gateway|service|gateway|server)/i, 'a server error'],
  [/^(?:bad gateway|service (?:temporarily )?unavailable|gateway time-?out)\b/i, 'a server error'],
  [/^(?:we['’]re sorry, but something went wrong|whoops, looks like something went wrong)/i, 'an error page'],
  [/^application error: a (?:client|server)-side exception/i, "Next's error page"],
  [/^(?:failed to compile|compiled with problems|module not found: )/i, 'a build error'],
  [/^(?:uncaught )?(?:[A-Z]\w*Error|Error): .{0,400}? at .{0,300}:\d+:\d+/, 'a stack trace'],
  [/^traceback \(most recent call last\)/i, 'a Python traceback'],
  [/^(?:panic: |goroutine \d+ \[)/, 'a Go panic'],
  [/^exception in thread "|^(?:java|javax|org|com)\.[\w.]+(?:Exception|Error)\b/, 'a Java exception'],
  [/^cannot (?:get|head) \//i, 'no such route'],
  [/^error establishing a database connection/i, 'no database'],
];

const failureOf = (raw: string, title: string | null, text: string): string | null => {
  for (const [mark, name] of errorMarks) if (mark.test(raw)) return name;
  for (const [words, name] of errorWords) if ((title !== null && words.test(title)) || words.test(text)) return name;
  return null;
};

const hostRefusals = [
  /Blocked request\. This host/i,
  /Invalid HTTP_HOST header|DisallowedHost/,
  /^\s*Invalid Host header\s*$/i,
  /Blocked hosts?: |ActionDispatch::HostAuthorization/,
  /^\s*(?:Bad Request \(400\)|Invalid host)/i,
];
const strangers: [RegExp, string][] = [
  [/<title>Welcome to nginx!<\/title>/, "nginx' default page"],
  [/Apache2? (?:Debian|Ubuntu) Default Page/, "Apache's default page"],
  [
    /<center>(?:nginx|openresty)|default backend - 404|Generated by .{0,40}\(squid|Varnish cache server/i,
    'a proxy, not the application',
  ],
  [/^\s*WebSockets request was expected\s*$/, "Node's debugger"],
];

/** Digests a body of `contentType` (a missing one is guessed from the body). `status` tells a refused host from a plain 400. */
export function readPage(body: string, contentType: string | null, status: number): Page {
  const html =
    contentType === null ? /^\s*<(?:!doctype|html|head|body|!--)/i.test(body) : /\bhtml\b/i.test(contentType);
  const titleTag = html ? /<title\b[^>]*>([\s\S]*?)<\/title>/i.exec(body)?.[1] : undefined;
  const title = titleTag === undefined ? null : fold(decode(titleTag)).slice(0, 200) || null;
  const text = html ? visibleText(body) : fold(body.replace(/[\u0000-\u0008\u000e-\u001f]/g, ''));
  const heading = html ? stripTags(/<h1\b[^>]*>([\s\S]*?)<\/h1>/i.exec(body)?.[1] ?? '') : '';
  const notes: string[] = [];
  if (/^(?:Index of |Directory listing (?:for|of) |Files within )/i.test(title ?? heading))
    notes.push('a directory listing');
  if (html && /<b>(?:Warning|Deprecated|Notice)<\/b>:[\s\S]{0,500}? on line <b>\d+<\/b>/.test(body))
    notes.push('the page shows PHP warnings');
  return {
    html,
    title,
    excerpt: text.slice(0, EXCERPT),
    textLength: text.length,
    scripts: html
      ? [...body.matchAll(/<script\b[^>]*?\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/gi)]
          .map((m) => decode(m[1] ?? m[2] ?? m[3] ?? ''))
          .filter((src) => src !== '')
      : [],
    scripted: html && /<script\b/i.test(body),
    embeds: html && /<(?:img|canvas|iframe|frame|video|audio|picture|svg|input|object|embed)\b/i.test(body),
    links: html && /<a\b[^>]*\shref\s*=[^>]*>\s*[^<\s]/i.test(without(body, 'noscript')),
    base: html ? (/<base\b[^>]*?\bhref\s*=\s*["']([^"']*)["']/i.exec(body)?.[1] ?? null) : null,
    failure: failureOf(body, title, text) ?? (heading === '' ? null : failureOf('', null, heading)),
    illness: html ? null : illnessOf(body, contentType),
    hostRefused:
      (status === 400 || status === 403 || status === 421) &&
      hostRefusals.some((r) => r.test(html ? `${title ?? ''}\n${text}` : body)),
    stranger: strangers.find(([mark]) => mark.test(body))?.[1] ?? null,
    wantsTls: status === 400 && /HTTP request (?:was sent )?to (?:an )?HTTPS|plain HTTP request/i.test(body),
    notes,
  };
}

/** Some health routes answer 200 and say it in their JSON. */
function illnessOf(body: string, contentType: string | null): string | null {
  if (!/json/i.test(contentType ?? '')) return null;
  const word = /^\s*\{[^{}]*"(?:status|health|state)"\s*:\s*"(down|unhealthy|error|failing|failed|fail|ko)"/i.exec(
    body,
  )?.[1];
  return word === undefined ? null : `status "${word}" in its own health answer`;
}
