/** Python where no index answers: what this machine's own Python has installed may be all that is asked for. */
import { installOf } from './commands.js';
import { command, env, type Rule } from './rule.js';

const VENV = /(-m venv)(?= (?!.*--system-site-packages))/;
const PIP_INSTALL = /\bpip3? install\b/;

/** Before the verdict that the host cannot be reached, which stands again when this does not help. */
export const pythonOffline: readonly Rule[] = [
  {
    id: 'installed-packages',
    about: "no package index answers; what this machine's own Python has may do",
    steps: ['deps'],
    // What pip says; other installers have no such thing to fall back on.
    signature: [
      /Failed to establish a new connection/,
      /(?:Connect|Read)TimeoutError|Connection to \S+ timed out|Read timed out/,
      /Temporary failure in name resolution|NameResolutionError/,
      /ProxyError\('(?:Cannot|Unable to) connect to proxy/,
      // Said of a run that may reach nobody.
      /\[offline\] nothing was fetched/,
      // Its own patience may be longer than ours.
      /\[keeper\] stopped: \S+: (?:connections are taken|no connection is taken)/,
    ],
    guard: (found) => {
      // An index that names versions has answered, however often it had to be asked.
      if (/from versions: (?!none\b)\S/.test(found.text)) return false;
      const lines = installOf(found);
      return lines.some((line) => VENV.test(line)) && lines.some((line) => PIP_INSTALL.test(line));
    },
    cause: () =>
      "the package index does not answer; packages that this machine's own Python has installed are used instead (degraded)",
    does: ['set-command', 'set-env'],
    actions: (found) => [
      command('install', ...installOf(found).map((line) => line.replace(VENV, '$1 --system-site-packages'))),
      // It is known not to answer: what is still missing after this should be said soon.
      env('PIP_RETRIES', '1'),
      env('PIP_DEFAULT_TIMEOUT', '5'),
    ],
    key: () => 'system-site-packages',
    proves: 'pip finds every requirement satisfied, in the versions that are asked for, and ends with 0',
  },
];
