/** Judges what a round of asking saw. Pure: the same answers always give the same verdict. */
import { ownWords } from '../../providers/process/tail.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import type { Check, Evidence, Reason, Socket } from './contract.js';
import { type Seen, SHELL_TEXT, type SocketSeen } from './probe.js';

/**
 * What one answer says of the application.
 * good: it works. guarded: it listens and asks who we are. weak: it is there, this path says no more.
 */
export type Grade =
  | { grade: 'good' | 'guarded' | 'weak'; note: string | null }
  | { grade: 'bad'; reason: Reason; what: string }
  | { grade: 'stranger'; what: string };

const HEALTH_PATH = /health|ready|readiness|live|status|ping|heartbeat|\/up$/i;
/** Where deployments write down the path that must answer well, as against a README's example. */
const HEALTH_FILE =
  /(?:^|\/)(?:[\w.-]*Dockerfile[\w.-]*|[\w.-]*compose[\w.-]*\.ya?ml|railway\.(?:json|toml)|fly\.toml|render\.ya?ml|app\.json)(?::\d+)?$/i;
const names: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
export const nameStatus = (status: number): string =>
  names[status] === undefined ? String(status) : `${status} ${names[status]}`;

export function grade(seen: Seen, wantsPage: boolean): Grade {
  const { answer, trouble, path } = seen;
  if (answer === null) {
    const what = trouble!.text;
    if (trouble!.kind === 'redirect-loop')
      return { grade: 'bad', reason: 'redirect-loop', what: `${seen.url} redirects without end (${what})` };
    if (trouble!.kind === 'not-http')
      return { grade: 'bad', reason: 'not-http', what: `${seen.url} is open and does not speak HTTP (${what})` };
    return { grade: 'bad', reason: 'no-answer', what: `${seen.url} does not answer (${what})` };
  }
  const { status, page } = answer;
  const answers = `${seen.url} answers ${nameStatus(status)}`;
  if (page.hostRefused)
    return { grade: 'bad', reason: 'blocked-host', what: `${answers}: it refuses the host name it is asked by` };
  if (page.stranger !== null) return { grade: 'stranger', what: `${answers}: that is ${page.stranger}` };
  if (status >= 500)
    return {
      grade: 'bad',
      reason: 'server-error',
      what: page.failure === null ? answers : `${answers} and shows ${page.failure}`,
    };
  if (status === 401 || status === 403)
    return { grade: 'guarded', note: `${path} answers ${nameStatus(status)}: it listens and is guarded` };
  if (status >= 400 || status < 200) return { grade: 'weak', note: `${path} answers ${nameStatus(status)}` };
  if (status >= 300)
    return {
      grade: 'good',
      note:
        answer.location === null ? `${path} answers ${nameStatus(status)}` : `${path} redirects to ${answer.location}`,
    };
  if (page.failure !== null)
    return { grade: 'bad', reason: 'error-page', what: `${answers}, but shows ${page.failure}` };
  if (page.illness !== null && HEALTH_PATH.test(path))
    return { grade: 'bad', reason: 'server-error', what: `${answers} with ${page.illness}` };
  // A page with text and links of its own is there without that script too.
  const lives = page.textLength > 0 && page.links;
  if (page.html && answer.deadScript !== null && !lives) {
    const shell = page.textLength === 0 ? 'is an empty page' : `shows only “${page.excerpt}”`;
    return { grade: 'bad', reason: 'empty-shell', what: `${seen.url} ${shell} and ${answer.deadScript}` };
  }
  if (page.html && answer.deadScript !== null) return { grade: 'good', note: answer.deadScript };
  if (!wantsPage) return { grade: 'good', note: null };
  if (!page.html)
    return { grade: 'bad', reason: 'not-a-page', what: `${answers} with ${answer.contentType ?? 'no content type'}` };
  if (page.textLength === 0 && !page.scripted && !page.embeds)
    return { grade: 'bad', reason: 'empty-shell', what: `${answers} with a page that shows nothing` };
  const filled = page.textLength < SHELL_TEXT && page.scripts.length > 0;
  return { grade: 'good', note: filled ? 'the page is filled by its scripts, which were not run' : null };
}
export const isGood =
  (wantsPage: boolean) =>
  (seen: Seen): boolean =>
    grade(seen, wantsPage).grade === 'good';

export type Verdict =
  | {
      good: true /** Only "there is somebody" was seen: worth another look. */;
      weak: boolean;
      socket: Socket;
      seen: Seen | null;
      notes: string[];
    }
  | { good: false; reason: Reason; what: string; seen: Seen | null };

const good = (socket: Socket, seen: Seen | null, notes: (string | null)[], weak = false): Verdict => ({
  good: true,
  weak,
  socket,
  seen,
  notes: [...(seen?.answer?.notes ?? []), ...notes.filter((note) => note !== null)],
});

/** All that was seen on one socket. */
export function judgeSocket({ socket, seen }: SocketSeen, check: Pick<Check, 'wantsPage' | 'rawTcp'>): Verdict {
  const graded = seen.map((s) => ({ s, g: grade(s, check.wantsPage) }));
  if (graded.length === 0)
    return {
      good: false,
      reason: 'no-answer',
      what: `${socket.host}:${socket.port} was not asked in time`,
      seen: null,
    };
  if (
    check.rawTcp &&
    graded.every(({ s }) => s.answer === null) &&
    !graded.some(({ s }) => s.trouble?.kind === 'refused')
  )
    return good(socket, null, [`${socket.host}:${socket.port} accepts connections and does not speak HTTP`]);

  const bad = graded.flatMap(({ s, g }) => (g.grade === 'bad' ? [{ s, ...g }] : []));
  const speaks = bad.filter(
    ({ reason }) => reason === 'server-error' || reason === 'error-page' || reason === 'empty-shell',
  );
  // The front door and the health check speak for the whole application; another path only for itself.
  const decisive = speaks.find(
    ({ s }) => s.path === '/' || (s.given && (HEALTH_PATH.test(s.path) || HEALTH_FILE.test(s.from))),
  );
  if (decisive !== undefined) return { good: false, reason: decisive.reason, what: decisive.what, seen: decisive.s };

  const aside = speaks.filter(({ s }) => s.given).map(({ what }) => what);
  const best = graded.find(({ g }) => g.grade === 'good') ?? graded.find(({ g }) => g.grade === 'guarded');
  if (best !== undefined) return good(socket, best.s, ['note' in best.g ? best.g.note : null, ...aside]);

  const weak = graded.flatMap(({ s, g }) => (g.grade === 'weak' ? [{ s, g }] : []));
  const spoken = graded.find(({ s, g }) => g.grade === 'bad' && g.reason === 'not-a-page' && s.given);
  // A page was expected, there is none at `/`, and a path the repository itself names answers well.
  if (spoken !== undefined && weak.some(({ s }) => s.path === '/'))
    return good(socket, spoken.s, [`/ answers ${nameStatus(weak[0]!.s.answer!.status)}`]);
  const given = speaks.find(({ s }) => s.given);
  const first = given ?? bad.find(({ reason }) => reason !== 'no-answer' && reason !== 'server-error');
  if (first !== undefined) return { good: false, reason: first.reason, what: first.what, seen: first.s };
  if (weak.length > 0) {
    const front = weak.find(({ s }) => s.answer!.status !== 404) ?? weak.find(({ s }) => s.path === '/') ?? weak[0]!;
    if (check.wantsPage)
      return {
        good: false,
        reason: 'not-found',
        what: `${front.s.url} answers ${nameStatus(front.s.answer!.status)}`,
        seen: front.s,
      };
    const all = weak.every(({ s }) => s.answer!.status === 404);
    return good(
      socket,
      front.s,
      [all ? `answers 404 on every known path (${weak.length} asked)` : front.g.note, ...aside],
      true,
    );
  }
  const stranger = graded.find(({ g }) => g.grade === 'stranger');
  if (stranger !== undefined)
    return { good: false, reason: 'no-answer', what: (stranger.g as { what: string }).what, seen: stranger.s };
  const last = bad[0]!;
  return { good: false, reason: last.reason, what: last.what, seen: last.s };
}

const gravity: Reason[] = [
  'server-error',
  'error-page',
  'empty-shell',
  'blocked-host',
  'redirect-loop',
  'not-a-page',
  'not-found',
  'not-http',
  'no-answer',
];
const isBroken = (v: Verdict): boolean =>
  !v.good && (v.reason === 'server-error' || v.reason === 'error-page' || v.reason === 'empty-shell');

/**
 * The whole round. The first socket that works proves the application, unless a likelier one is broken: a metrics port
 * in good health proves nothing of the web server beside it.
 */
export function judgeRound(check: Pick<Check, 'wantsPage' | 'rawTcp'>, round: SocketSeen[]): Verdict {
  if (round.length === 0) return { good: false, reason: 'no-socket', what: 'it listens on no socket', seen: null };
  const verdicts = round.map((one) => judgeSocket(one, check));
  const broken = verdicts.findIndex(isBroken);
  const strong = verdicts.findIndex((v) => v.good && !v.weak);
  if (strong >= 0 && (broken < 0 || strong < broken)) return verdicts[strong]!;
  if (broken >= 0) return verdicts[broken]!;
  const weak = verdicts.find((v) => v.good);
  if (weak !== undefined) return weak;
  const rank = (v: Verdict): number => (v.good ? -1 : gravity.indexOf(v.reason));
  return [...verdicts].sort((a, b) => rank(a) - rank(b))[0]!;
}

export const evidenceOf = (seen: Seen | null): Evidence | null =>
  seen === null
    ? null
    : {
        url: seen.url,
        status: seen.answer?.status ?? null,
        contentType: seen.answer?.contentType ?? null,
        title: seen.answer?.page.title ?? null,
        excerpt: seen.answer?.page.excerpt ?? seen.trouble?.text ?? '',
      };

const fixes: Record<Reason, string> = {
  'no-socket': 'read its log (rr logs): it may wait for something, or serve on a port it does not open',
  'no-answer': 'read its log (rr logs): it accepts connections and is busy or stuck, or closed its port',
  'not-http': 'if this service is not meant to speak HTTP, say so in its plan; else read its log (rr logs)',
  'server-error':
    "read the application's own log (rr logs) for the error behind the answer: often a missing setting or database",
  'error-page': "read the application's own log (rr logs) for the error the page shows",
  'empty-shell': 'build the front end first, or check the path its scripts are served from',
  'not-a-page': 'check that the start command serves the page and not only its data',
  'not-found': 'build the pages first, or name a path that exists in a health check of the repository',
  'blocked-host': 'add localhost and 127.0.0.1 to the hosts the application allows',
  'redirect-loop': 'check its settings for https, login or canonical host',
  died: 'read its log (rr logs) for why it ended',
  'exit-code': 'read its output (rr logs) for the error',
};
export const notProven = (reason: Reason, met: string, wanted: string): ErrorRecord =>
  fail('NOT_PROVEN', { met, wanted, fix: fixes[reason] }).toRecord();
export const wantedOf = ({ how, wantsPage, rawTcp, giveUpMs, stayMs }: Check): string => {
  if (how === 'exit') return 'exit code 0';
  if (how === 'log') return `alive for ${stayMs / 1000} s`;
  return `${rawTcp ? 'an open port' : wantsPage ? 'a page' : 'a good answer'} within ${giveUpMs / 1000} s, and for ${stayMs / 1000} s after`;
};

const EXCERPT = 300;
const FRAME = /^(?:at )?[^()"']{0,80}\(?(?:node:|file:|\/)\S*:\d+:\d+\)?[\s{]*$|^File ".*", line \d+/;
/** Plain text of the last lines of a log, at most 300 characters: whole lines, and none of a stack. */
export function excerptOf(lines: string[]): string {
  const said = ownWords(lines)
    .map((line) =>
      line
        .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '' && !FRAME.test(line));
  let excerpt = (said.pop() ?? '').slice(-EXCERPT);
  for (let line = said.pop(); line !== undefined && line.length + excerpt.length < EXCERPT; line = said.pop())
    excerpt = `${line} ${excerpt}`;
  return excerpt;
}
