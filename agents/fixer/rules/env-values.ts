/**
 * What a variable that nobody set may be given: what the repository's own examples say, an address of the application
 * itself, or a secret of its own, made up where it is used (`$generate`). Keys of third parties and addresses of databases are never
 * invented.
 */
import { GENERATE } from '../contract.js';
import type { Case } from './rule.js';

const EXAMPLE = /(^|\/)\.?env[\w.-]*\.?(example|sample|template|dist|defaults?)[\w.-]*$|(^|\/)(example|sample)\.env$/;

/** The example of an environment beside the application, best first. */
export function exampleOf({ look }: Case): { path: string; text: string } | null {
  const path = Object.keys(look.texts)
    .filter((name) => EXAMPLE.test(name))
    .sort((a, b) => a.split('/').length - b.split('/').length || a.length - b.length)[0];
  return path === undefined ? null : { path, text: look.texts[path]! };
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/;
const unquoted = (raw: string): string => {
  const quoted = /^(["'`])(.*?)\1/.exec(raw);
  return quoted ? quoted[2]! : raw.replace(/(^|\s)#.*$/, '').trim();
};
const filler = (value: string): boolean =>
  value === '' ||
  /^(<.*>|\[.*\]|x{3,}|\.{3,}|\*{3,}|your[-_ ].*|.*[-_ ]here|change[-_ ]?(me|this|it).*|replace[-_ ]?(me|this).*|todo|tbd|secret|supersecret|\$\{?\w+\}?)$/i.test(
    value,
  );

function fromExample(found: Case, name: string): string | null {
  for (const line of exampleOf(found)?.text.split(/\r?\n/) ?? []) {
    const hit = LINE.exec(line);
    if (hit?.[1] === name) return filler(unquoted(hit[2]!)) ? null : unquoted(hit[2]!);
  }
  return null;
}

const SERVICES: readonly [RegExp, string][] = [
  [
    /^(POSTGRES\w*|PG\w*)_?(URL|URI|DSN|HOST|USER|PASSWORD|DATABASE|DB|CONNECTION\w*)$|^PG(HOST|USER|PASSWORD|DATABASE)$/,
    'postgres',
  ],
  [/^(MYSQL|MARIADB)\w*/, 'mysql'],
  [/^(MONGO\w*)/, 'mongodb'],
  [/^(REDIS|UPSTASH|KV|CELERY_BROKER|BULL)\w*/, 'redis'],
  [/^(RABBITMQ|AMQP)\w*/, 'rabbitmq'],
  [/^(KAFKA)\w*/, 'kafka'],
  [/^(ELASTIC\w*|ES)_(URL|HOST|NODE)$/, 'elasticsearch'],
  [
    /^(DATABASE|DB|SQL)_?(URL|URI|DSN|HOST|USER\w*|PASS\w*|NAME|CONNECTION\w*)$|^(CONNECTION_STRING|DATABASE|DIRECT_URL|SHADOW_DATABASE_URL)$/,
    'a database',
  ],
];
/** The service a variable is the address or the login of. */
export function serviceNamed(found: Case, name: string): string | null {
  const service = SERVICES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
  const planned = found.heal.service.needs.find((need) => /postgres|mysql|maria|mongo|sqlite/.test(need));
  return service === 'a database' ? (planned ?? service) : service;
}

const OWN_SECRET =
  /^(?:(?:APP|SERVER|API|WEB|NEXT|NUXT|BETTER|DJANGO|FLASK|RAILS|EXPRESS|PAYLOAD|HASH|AUTH|ADMIN|USER|ACCESS|REFRESH)_?)*(?:SECRET|SECRETS|SECRET_KEY|SECRET_KEY_BASE|APP_KEY|APP_KEYS|KEYS|SALT|PEPPER|TOKEN_SECRET|SESSION\w*|JWT\w*|COOKIE\w*|CSRF\w*|ENCRYPTION\w*|SIGNING\w*|HASH\w*|NEXTAUTH_SECRET|AUTH_SECRET|(?:ACCESS|REFRESH)_TOKEN_SECRET|TOKEN_SALT)$/;

/** @returns null where only a person can tell. */
export function valueFor(found: Case, name: string): string | null {
  const { heal } = found;
  const said = fromExample(found, name) ?? heal.service.env.find((one) => one.name === name)?.default ?? null;
  if (said !== null && !filler(said)) return said;
  const port = String(heal.port ?? 3000);
  if (/^((APP|SERVER|HTTP|WEB|API|LISTEN|BACKEND)_)?PORT$/.test(name)) return port;
  if (/^((APP|SERVER|HTTP|WEB|API|LISTEN|BIND)_)?(HOST|HOSTNAME|BIND|BIND_ADDRESS)$/.test(name)) return '127.0.0.1';
  if (/^((APP|NODE|FLASK|RAILS|RACK|GO)_)?ENV(IRONMENT)?$/.test(name)) return 'development';
  if (/^LOG_?LEVEL$/.test(name)) return 'info';
  if (name === 'TZ') return 'UTC';
  if (/(EXPIRES?(_IN)?|TTL|MAX_?AGE)$/.test(name)) return /JWT|TOKEN|EXPIRES_IN/.test(name) ? '1h' : '3600';
  if (/(SALT_)?ROUNDS$/.test(name)) return '10';
  if (serviceNamed(found, name) !== null) return null;
  if (
    /^(?:NEXTAUTH|AUTH|APP|BASE|SITE|SERVER|PUBLIC|WEB|API|FRONTEND|BACKEND|CLIENT|HOST|ROOT|(?:NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC)_\w*?(?:APP|BASE|SITE|API|SERVER|BACKEND))_?(?:BASE_?)?(?:URL|URI|ORIGIN)$|^(CORS_)?(ALLOWED_)?ORIGINS?$/.test(
      name,
    )
  )
    return `http://localhost:${port}`;
  if (OWN_SECRET.test(name)) return GENERATE;
  if (/^(APP|SITE|SERVICE|SERVER|PROJECT)_(NAME|TITLE)$/.test(name)) return heal.service.name;
  if (/^(DEBUG|VERBOSE|(ENABLE|DISABLE|USE|IS)_\w+|\w+_(ENABLED|DEBUG))$/.test(name)) return 'false';
  return null;
}

/** The example with its blanks filled where we may; what only a person knows stays as it is written. */
export function filledExample(found: Case): string {
  const example = exampleOf(found);
  if (example !== null)
    return example.text
      .split(/\r?\n/)
      .map((line) => {
        const hit = LINE.exec(line);
        if (hit === null) return line;
        const value =
          /^((APP|SERVER|HTTP|WEB)_)?PORT$/.test(hit[1]!) && found.heal.port !== null
            ? String(found.heal.port)
            : valueFor(found, hit[1]!);
        return value === null || value === unquoted(hit[2]!)
          ? line
          : `${hit[1]}=${value !== GENERATE && /[\s#"'`$\\]/.test(value) ? JSON.stringify(value) : value}`;
      })
      .join('\n');
  const names = [...new Set(found.heal.service.env.map(({ name }) => name))];
  const lines = names.flatMap((name) => {
    const value = valueFor(found, name);
    return value === null ? [] : [`${name}=${value}`];
  });
  return `${lines.join('\n')}\n`;
}
