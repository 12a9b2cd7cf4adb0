/** Starting Python: settings of Django, launchers that a program needs, files of the environment. */
import { startBody, startOf } from './commands.js';
import { type Case, command, env, languageIs, type Rule } from './rule.js';

const isPython = languageIs('python');
/** The variable that a setting of Django is read from. */
function readFrom({ look }: Case, setting: string): string | null {
  const line = new RegExp(
    `^\\s*${setting}\\s*=\\s*[^\\n]*?(?:environ(?:\\.get\\(|\\[)|getenv\\(|config\\(|env(?:\\.\\w+)?\\()\\s*["'](\\w+)["']`,
    'm',
  );
  for (const [path, text] of Object.entries(look.texts)) {
    const name = path.endsWith('.py') ? line.exec(text)?.[1] : undefined;
    if (name !== undefined) return name;
  }
  return null;
}
const program = (found: Case): string | null => /([\w./-]+\.py)\b/.exec(startBody(found))?.[1] ?? null;

export const pythonRun: readonly Rule[] = [
  {
    id: 'django-secret',
    about: 'Django has no secret key: the variable it reads it from is not set',
    steps: ['build', 'start', 'prove'],
    signature: [/The SECRET_KEY setting must not be empty/],
    guard: (found) => isPython(found) && readFrom(found, 'SECRET_KEY') !== null,
    cause: (found) => `${readFrom(found, 'SECRET_KEY')} is not set, which the settings take their secret key from`,
    does: ['set-env'],
    actions: (found) => [env(readFrom(found, 'SECRET_KEY')!, '$generate')],
    key: (found) => readFrom(found, 'SECRET_KEY')!,
    proves: 'the application starts',
  },
  {
    id: 'django-hosts',
    about: 'Django answers no host but those it is told of',
    steps: ['start', 'prove'],
    signature: [
      /You must set settings\.ALLOWED_HOSTS if DEBUG is False/,
      /Invalid HTTP_HOST header: '([\w.:-]+)'/,
      /DisallowedHost/,
    ],
    guard: (found) => isPython(found) && (readFrom(found, 'ALLOWED_HOSTS') ?? readFrom(found, 'DEBUG')) !== null,
    cause: () => 'Django has not been told which hosts it answers',
    does: ['set-env'],
    actions: (found) => {
      const hosts = readFrom(found, 'ALLOWED_HOSTS');
      return [hosts === null ? env(readFrom(found, 'DEBUG')!, 'True') : env(hosts, 'localhost,127.0.0.1')];
    },
    key: () => 'hosts',
    proves: 'the page answers',
  },
  {
    id: 'own-launcher',
    about: 'the program is one for streamlit, and is started by python itself',
    steps: ['start', 'prove'],
    signature: [/missing ScriptRunContext/, /streamlit run [\w./-]+ \[ARGUMENTS\]/],
    guard: (found) => isPython(found) && program(found) !== null && !/\bstreamlit run\b/.test(startOf(found)),
    cause: (found) => `${program(found)} is started by python and is one for streamlit`,
    does: ['set-command'],
    actions: (found) => {
      const venv =
        /\S*\.venv\/bin\//.exec(startOf(found))?.[0] ??
        (found.heal.service.commands.install.some((line) => line.includes('.venv')) ? '.venv/bin/' : '');
      return [
        command(
          'start',
          `${venv}python -m streamlit run ${program(found)} --server.headless true --server.address 127.0.0.1 --server.port "\${PORT:-8501}"`,
        ),
      ];
    },
    key: (found) => program(found)!,
    proves: 'the page answers',
  },
];
