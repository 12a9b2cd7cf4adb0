/** What tools of Node ask for beside Node: fonts, types, file watchers, engines, permissions of deno. */

import { buildOf, rewriteStep, startOf } from './commands.js';
import { type Case, command, env, overlayFile, type Rule } from './rule.js';
import { existing, manifestScript } from './texts.js';

const FONTS = '.fonts-offline.cjs';
/** Answers every style sheet of Google Fonts with a local face, so that the build needs no network. */
const MOCK = `module.exports = new Proxy({}, {
  get: (_, url) => \`@font-face { font-family: '\${decodeURIComponent((/family=([^:&]+)/.exec(String(url)) || [, 'x'])[1]).replace(/\\+/g, ' ')}'; src: local('sans-serif'); font-style: normal; }\`,
  has: () => true,
});
`;
/** A build of two programs, of which the first only checks types: the second alone. */
function withoutTypeCheck(found: Case): string[] | null {
  const lines = buildOf(found);
  const next = lines.map((line) => {
    const body = manifestScript(found, line) ?? line;
    const parts = body.split(/\s*&&\s*/);
    const rest = parts.filter(
      (part) =>
        !/^(?:npx )?(?:vue-)?tsc(?:\s|$)|^(?:npm|pnpm|yarn) run (?:type-?check|check-types)\b|^run-[ps] type-?check/.test(
          part,
        ),
    );
    if (rest.length === parts.length || rest.length === 0) return line;
    return rest.map((part) => (/^(?:npm|pnpm|yarn|npx|node)\b/.test(part) ? part : `npx ${part}`)).join(' && ');
  });
  return next.some((line, n) => line !== lines[n]) ? next : null;
}

export const nodeTools: readonly Rule[] = [
  {
    id: 'fonts-offline',
    about: 'the build of next downloads fonts from a host that does not answer',
    steps: ['build', 'start', 'prove'],
    signature: [
      /Failed to fetch [`'"]?[^\n]+[`'"]? from Google Fonts/,
      /fonts\.googleapis\.com[^\n]*(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|failed)/,
      /(?:ENOTFOUND|EAI_AGAIN) fonts\.googleapis\.com/,
    ],
    cause: () =>
      'the build fetches fonts of fonts.googleapis.com, which does not answer; fonts of the system stand in for them (degraded)',
    does: ['write-overlay-file', 'set-command'],
    actions: (found) => {
      const prefix = `NEXT_FONT_GOOGLE_MOCKED_RESPONSES="$PWD/${FONTS}" `;
      const lines = rewriteStep(found, (line) => (line.startsWith(prefix) ? line : `${prefix}${line}`));
      return lines.length === 0 ? [] : [overlayFile(FONTS, MOCK), ...lines];
    },
    key: () => 'fonts',
    proves: 'the build ends with 0',
  },
  {
    id: 'type-errors',
    about: 'errors of types stop a build whose output another program makes',
    steps: ['build'],
    signature: [/error TS\d+:/],
    guard: (found) => withoutTypeCheck(found) !== null,
    cause: () => 'the check of types fails; what is built does not come from it, so it is left out (degraded)',
    does: ['set-command'],
    actions: (found) => [command('build', ...withoutTypeCheck(found)!)],
    key: () => 'types',
    proves: 'the build ends with 0 and the application answers',
  },
  {
    id: 'watchers',
    about: 'the system has no more file watchers to give',
    steps: ['build', 'start', 'prove'],
    signature: [
      /System limit for number of file watchers reached/,
      /ENOSPC[^\n]*watch '/,
      /inotify_add_watch[^\n]*No space left/,
      /inotify[^\n]*(?:limit|max_user_watches)/,
    ],
    cause: () => 'the system has no more file watchers to give; files are looked at from time to time instead',
    does: ['set-env'],
    actions: () => [env('CHOKIDAR_USEPOLLING', '1'), env('WATCHPACK_POLLING', 'true')],
    key: () => 'polling',
    proves: 'the application starts',
  },
  {
    id: 'eslint-build',
    about: 'the build of next stops at a rule of style',
    steps: ['build'],
    signature: [/nextjs\.org\/docs\/[\w/-]*eslint/, /Need to disable some ESLint rules/],
    guard: (found) =>
      /\bnext build\b/.test(
        buildOf(found)
          .map((line) => manifestScript(found, line) ?? line)
          .join('\n'),
      ),
    cause: () => 'the linter of the build finds faults of style; the build is done without it (degraded)',
    does: ['set-command'],
    actions: (found) =>
      rewriteStep(found, (line) => {
        const body = manifestScript(found, line) ?? line;
        return body.includes('--no-lint')
          ? line
          : `npx ${body.replace(/^npx /, '').replace(/\bnext build\b/, 'next build --no-lint')}`;
      }),
    key: () => 'lint',
    proves: 'the build ends with 0',
  },
  {
    id: 'vite-host-check',
    about: 'the development server of vite answers only the hosts it is told of',
    steps: ['prove'],
    signature: [/Blocked request\. This host \(["'`]?([\w.-]+)/],
    cause: ({ match }) => `vite does not answer requests for ${match[1]}`,
    does: ['set-env'],
    actions: ({ match }) => [env('__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS', match[1]!)],
    proves: 'the page answers',
  },
  {
    id: 'asks-questions',
    about: 'a command waits for an answer on a keyboard that is not there',
    steps: ['deps', 'build', 'start'],
    signature: [
      /\? (?:Would you like|Do you want|Are you sure|Which|What|Please (?:select|choose))[\s\S]{0,300}?(?:›|\(y\/N\)|\(Y\/n\)|\?)/i,
      /Ok to proceed\? \(y\)/,
      /Need to install the following packages:/,
      /(?:Continue|Proceed|Overwrite)\? \[?\(?[yY]\/[nN]/,
    ],
    guard: (found) =>
      found.heal.evidence?.limit !== null || found.heal.evidence?.exitCode === 0 || existing(found, 'stdin'),
    cause: () => 'a command asks a question and nobody is there to answer',
    does: ['set-env'],
    actions: () => [
      env('CI', '1'),
      env('npm_config_yes', 'true'),
      env('NG_CLI_ANALYTICS', 'false'),
      env('DEBIAN_FRONTEND', 'noninteractive'),
    ],
    key: () => 'CI',
    proves: 'the step passes without a question',
  },
  {
    id: 'deno-permission',
    about: 'deno runs a program without a permission that it asks for',
    steps: ['build', 'start', 'prove'],
    signature: [/NotCapable: Requires (\w+) access/, /PermissionDenied: Requires (\w+) access/],
    cause: ({ match }) => `the program needs the permission ${match[1]} of deno, and is started without it`,
    does: ['set-command'],
    actions: (found) => {
      const flag = `--allow-${found.match[1]}`;
      const start = startOf(found);
      const next = start.replace(/\bdeno (run|serve|test)\b/, `deno $1 ${flag}`);
      return start.includes(flag) || next === start ? [] : [command('start', next)];
    },
    key: ({ match }) => match[1]!,
    proves: 'the application starts with that permission and no other',
  },
];
