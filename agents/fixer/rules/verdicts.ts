/** Causes that nothing of ours can mend. They are known at once, so that no time is lost on trying. */
import { type ErrorRecord, fail } from '../../../runtime/errors.js';
import { startBody, startOf } from './commands.js';
import type { Case, Rule } from './rule.js';
import { MISSING_PROGRAM, packageOfProgram } from './system.js';

/** What a person must give, and the one way to give it. */
export function needed({ heal }: Case, need: string, names: readonly string[], service: string | null): ErrorRecord {
  const flags = names.map((name) => `--env ${name}=…`).join(' ');
  return fail('SERVICE_MISSING', {
    need,
    from: heal.service.env.find(({ name }) => names.includes(name))?.from ?? 'its own output',
    fix: `${service === null ? 'run again with' : 'start one and pass its address:'} ${flags}`,
  }).toRecord();
}

const SERVICES: Record<string, [name: string, variable: string, address: string]> = {
  5432: ['postgres', 'DATABASE_URL', 'postgres://'],
  3306: ['mysql', 'DATABASE_URL', 'mysql://'],
  6379: ['redis', 'REDIS_URL', 'redis://'],
  27017: ['mongodb', 'MONGODB_URI', 'mongodb://'],
  5672: ['rabbitmq', 'AMQP_URL', 'amqp://'],
  9200: ['elasticsearch', 'ELASTICSEARCH_URL', 'http://'],
  11211: ['memcached', 'MEMCACHED_URL', ''],
  9092: ['kafka', 'KAFKA_BROKERS', ''],
  4222: ['nats', 'NATS_URL', 'nats://'],
  1433: ['sqlserver', 'DATABASE_URL', 'sqlserver://'],
};
const PORTS = Object.keys(SERVICES).join('|');
const HOSTS: readonly [RegExp, string][] = [
  [/^(db|database|postgres\w*|pg|pgsql)$/i, '5432'],
  [/^(mysql|mariadb)$/i, '3306'],
  [/^(redis|cache)$/i, '6379'],
  [/^(mongo\w*)$/i, '27017'],
  [/^(rabbit\w*|mq|amqp)$/i, '5672'],
  [/^(elastic\w*|es)$/i, '9200'],
  [/^(kafka)$/i, '9092'],
];
const REFUSED = [
  new RegExp(`ECONNREFUSED (\\S+?):(${PORTS})\\b`),
  new RegExp(
    `[Cc]onnect(?:ion)?[^\\n]{0,80}?(?:to )?["']?([\\w.:-]+?)["']?[,:]? ?\\(?(?:port |:)(${PORTS})\\b[^\\n]{0,40}(?:failed|refused|[Cc]onnection refused)`,
  ),
  new RegExp(`connection to server at "([^"\\n]+)"[^\\n]{0,60}port (${PORTS}) failed`),
  /Can't reach database server at `?([\w.-]+)`?:`?(\d+)/,
  new RegExp(`Error (?:\\d+ )?connecting to ([\\w.-]+):(${PORTS})`),
  /Can't connect to (?:MySQL|MariaDB) server on '([\w.-]+?)(?::(\d+))?'/,
  new RegExp(`dial tcp (\\S+?):(${PORTS}): connect`),
  new RegExp(`(?:Mongo\\w*Error|ServerSelectionTimeoutError)[^\\n]*?([\\w.-]+):(${PORTS})`),
];
const UNKNOWN_HOST = [
  /getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ([\w-]+)(?=[\s:,]|$)/,
  /could not translate host name "([\w-]+)"/,
  /Name or service not known[^\n]*?host[= ']+([\w-]+)/,
];
/** What is said when a service does not answer. */
export const serviceSignatures: readonly RegExp[] = [...REFUSED, ...UNKNOWN_HOST];
/** The service behind a refused connection: by its port, by its name in a compose file. */
export function serviceAt({ match }: Case): { service: (typeof SERVICES)[string]; at: string } | null {
  const port =
    match[2] ??
    (/MySQL|MariaDB/.test(match[0]) ? '3306' : undefined) ??
    HOSTS.find(([name]) => name.test(match[1] ?? ''))?.[1];
  const service = port === undefined ? undefined : SERVICES[port];
  return service === undefined ? null : { service, at: `${match[1]}:${port}` };
}

const HOST = String.raw`(?:https?:\/\/)?([a-z0-9][\w-]*(?:\.[\w-]+)+)`;
const UNREACHED = [
  new RegExp(`getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ${HOST}`, 'i'),
  new RegExp(
    `request to ${HOST}\\S* failed, reason: (?:[^\\n]*(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH))`,
    'i',
  ),
  new RegExp(
    `(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ConnectionRefused|FailedToOpenSocket)[^\\n]{0,80}?${HOST}`,
    'i',
  ),
  new RegExp(`[Cc]ould not resolve host(?:name)?:? ${HOST}`),
  new RegExp(`(?:host=['"]|HTTPSConnectionPool\\(host=')${HOST}['"]`),
  /Failed to establish a new connection|Temporary failure in name resolution/,
  /(?:FetchError|connect) ECONNREFUSED ([\d.]+|localhost)/,
  /ERR_SOCKET_TIMEOUT|network socket disconnected|npm error code (?:ETIMEDOUT|ECONNRESET)/,
];
const indexOf = (text: string): string | undefined =>
  /(?:Looking in indexes: |--index-url )https?:\/\/([\w.-]+)/.exec(text)?.[1];
const hostOf = (found: Case): string =>
  found.match[1] ?? indexOf(found.text) ?? /https?:\/\/([\w.-]+)/.exec(found.text)?.[1] ?? 'the registry';
const tool = (found: Case): { name: string; want: string; met: string } | null => {
  const hit = /^(\S+) (.+?) is needed \((?:.*?)\) and this machine has (.+)$/m.exec(found.heal.error.message);
  return hit ? { name: hit[1]!, want: hit[2]!, met: hit[3]! } : null;
};

/** Before all other rules: what the network or a registry refuses. */
export const outOfReach: readonly Rule[] = [
  {
    id: 'access-refused',
    about: 'a registry wants to know who asks',
    steps: ['deps', 'build'],
    signature: [
      /code E40[13]\b/,
      /ENEEDAUTH/,
      /ERR_PNPM_FETCH_40[13]/,
      /40[13] (?:Unauthorized|Forbidden)[^\n]*/,
      /(?:HTTP|status code|ERROR:)[^\n]{0,30}\b40[13]\b[^\n]{0,10}(?:Client Error|Unauthorized|Forbidden)/,
      /^User for [\w.:-]+: /m,
      /could not read Username for '([^'\n]+)'/,
    ],
    cause: ({ text }) => `${registryOf(text)} wants to know who asks`,
    error: ({ text }) =>
      fail('SERVICE_MISSING', {
        need: `a token for ${registryOf(text)}`,
        from: 'a private package',
        fix: `put one into your own package manager's settings (npm: npm login --registry=https://${registryOf(text)}), then run again`,
      }).toRecord(),
  },
  {
    id: 'host-unreachable',
    about: 'a host cannot be reached from this machine',
    after: ['dead-registry', 'fonts-offline', 'installed-packages', 'network-hiccup', 'prisma-engine'],
    steps: ['deps', 'build'],
    signature: UNREACHED,
    // A service of the application that does not answer while it is built is another matter.
    guard: (found) =>
      !/from versions: \d/.test(found.text) && (found.heal.step === 'deps' || /\./.test(found.match[1] ?? '')),
    cause: (found) => `${hostOf(found)} cannot be reached from this machine`,
    error: (found) =>
      fail('HOST_UNREACHABLE', {
        host: hostOf(found),
        reason: /ENOTFOUND|EAI_AGAIN|resol|Name or service/.exec(found.text)
          ? 'its name is not known'
          : 'it does not answer',
      }).toRecord(),
  },
  {
    id: 'package-absent',
    about: 'a package, or its version, is not in the registry',
    after: ['installed-packages', 'host-unreachable', 'network-hiccup', 'pin-absent', 'version-absent'],
    steps: ['deps'],
    signature: [
      /404 Not Found - GET (\S+)/,
      /ERR_PNPM_FETCH_404[^\n]*GET (\S+?):/,
      /error Couldn't find package "([^"\n]+)"/,
      /No matching version found for (\S+?)\.?(?:\s|$)/,
      /No matching distribution found for (\S+)/,
    ],
    cause: (found) =>
      `${packageIn(found)} is not to be had${/from versions: none/.test(found.text) ? ' from the index that was asked' : ''}`,
    error: (found) =>
      fail('COMMAND_FAILED', {
        command: found.heal.evidence?.command ?? 'install',
        met:
          found.heal.evidence?.exitCode === null || found.heal.evidence === null
            ? 'an error'
            : `exit code ${found.heal.evidence.exitCode}`,
        last: `${packageIn(found)} is not in the registry`,
        fix: `ask the author for it: it is private, was removed, or never had that version`,
      }).toRecord(),
  },
];
const registryOf = (text: string): string =>
  /(?:GET|PUT|from|for '?|registry[:= ]+)\s*"?https?:\/\/([\w.-]+)/.exec(text)?.[1] ??
  /https?:\/\/([\w.-]+)/.exec(text)?.[1] ??
  'the registry';
const packageIn = ({ match }: Case): string => {
  const said = (match[1] ?? 'a package').replace(/^https?:\/\/[^/]+\//, '');
  return said.replace(/%2f/gi, '/');
};

const DOCKER_ABSENT = [
  /docker(?:-compose)?: (?:command )?not found/,
  /(?:Cannot|failed to) connect to the [Dd]ocker (?:daemon|API)/,
  /spawn docker ENOENT/,
];
const COMPOSE_ABSENT = [
  /unknown shorthand flag: '[a-z]' in -[a-z]/,
  /docker: 'compose' is not a docker command/,
  /unknown command: docker compose/,
];
/** What is said where docker does not do what it is asked. */
export const dockerSignatures: readonly RegExp[] = [...DOCKER_ABSENT, ...COMPOSE_ABSENT];

/** After what can be mended: what must be there and is not. */
export const missingThings: readonly Rule[] = [
  {
    id: 'service-missing',
    about: 'the application needs a database or another service that is not there',
    after: ['service-to-start'],
    steps: ['build', 'start', 'prove'],
    signature: serviceSignatures,
    guard: (found) => serviceAt(found) !== null,
    cause: (found) => `it needs ${serviceAt(found)!.service[0]} at ${serviceAt(found)!.at}, and nothing answers there`,
    error: (found) => {
      const {
        service: [name, variable, scheme],
        at,
      } = serviceAt(found)!;
      const kin = new RegExp(variable.split('_')[0]!.slice(0, 5));
      const own = found.heal.service.env.find(
        (one) =>
          (kin.test(one.name) || one.name.includes(name.toUpperCase().slice(0, 5))) &&
          /UR[LI]|DSN|HOST|BROKERS/.test(one.name),
      )?.name;
      return fail('SERVICE_MISSING', {
        need: `${name} at ${at}`,
        from: 'its own output',
        fix: `start one and pass its address: --env ${own ?? variable}=${scheme}…`,
      }).toRecord();
    },
  },
  {
    id: 'docker-missing',
    about: 'a command calls docker and there is none',
    steps: ['deps', 'build', 'start'],
    after: ['docker-start'],
    signature: DOCKER_ABSENT,
    cause: () => 'a command of the repository calls docker, and there is none here',
    error: () =>
      fail('TOOL_MISSING', {
        tool: 'docker',
        wanted: 'with a running daemon',
        from: 'a command of the repository',
        met: 'none',
        fix: 'start docker, then run again',
      }).toRecord(),
  },
  {
    id: 'compose-missing',
    about: 'the docker of this machine came without compose',
    steps: ['deps', 'build', 'start'],
    after: ['docker-start'],
    signature: COMPOSE_ABSENT,
    guard: (found) =>
      /\bdocker compose\b/.test(`${found.heal.evidence?.command} ${startOf(found)} ${startBody(found)}`),
    cause: () => 'it is started with docker compose, and the docker here came without it',
    error: () =>
      fail('TOOL_MISSING', {
        tool: 'docker compose',
        wanted: 'of version 2',
        from: 'the start command',
        met: 'a docker without it',
        fix: 'install its compose plugin (Debian: apt-get install docker-compose-plugin) and start docker, then run again',
      }).toRecord(),
  },
  {
    id: 'venv-missing',
    about: 'the Python of this machine came without what makes virtual environments',
    steps: ['deps'],
    signature: [
      /ensurepip is not\s+available[\s\S]{0,200}?apt(?:-get)? install (python[\d.]*-venv)/,
      /No module named '?(venv|ensurepip)\b/,
    ],
    cause: () => 'the Python of this machine came without what makes virtual environments',
    error: ({ match }) =>
      fail('TOOL_MISSING', {
        tool: 'python venv',
        wanted: 'of any version',
        from: 'packages are installed into an environment of their own',
        met: 'a Python without it',
        fix: `install it (Debian: apt-get install ${match[1]!.startsWith('python') ? match[1] : 'python3-venv'}), then run again`,
      }).toRecord(),
  },
  {
    id: 'program-missing',
    about: 'a program of the system is called that is not installed',
    after: [
      ...[
        'docker-start',
        'windows-set',
        'declared-program',
        'undeclared-program',
        'docker-missing',
        'lifecycle-script',
      ],
      'program-to-install',
    ],
    steps: ['deps', 'build', 'start'],
    signature: MISSING_PROGRAM.slice(0, 4),
    // Words of a shell are no programs.
    guard: ({ match }) => !/^(?:source|pushd|popd|declare|shopt|typeset|mapfile)$/.test(match[1]!),
    cause: ({ match }) => `${match[1]} is called, and this machine has none`,
    error: ({ match }) => {
      const program = match[1]!;
      const packages: Record<string, string> = {
        make: 'build-essential',
        'g++': 'build-essential',
        gcc: 'build-essential',
        cc: 'build-essential',
        Python: 'python3',
        pg_config: 'libpq-dev',
        convert: 'imagemagick',
        mvn: 'maven',
        java: 'default-jdk',
        php: 'php-cli',
        ruby: 'ruby',
        cargo: 'cargo',
        go: 'golang-go',
      };
      const known = Object.hasOwn(packages, program) ? packages[program] : packageOfProgram(program);
      return fail('TOOL_MISSING', {
        tool: program,
        wanted: 'of any version',
        from: 'a command of the repository',
        met: 'none',
        fix: known
          ? `install it (Debian: apt-get install ${known}), then run again`
          : `install ${program}, then run again`,
      }).toRecord();
    },
  },
  {
    id: 'python-2',
    about: 'the code is written for Python 2',
    steps: ['deps', 'build', 'start'],
    signature: [
      /Missing parentheses in call to 'print'/,
      /SyntaxError: multiple exception types must be parenthesized/,
    ],
    cause: () => 'this is code for Python 2',
    error: () =>
      fail('TOOL_MISSING', {
        tool: 'python',
        wanted: '2.7',
        from: 'print without parentheses',
        met: 'Python 3',
        fix: 'bring the code to Python 3 (2to3), or give a Python 2.7',
      }).toRecord(),
  },
];

/** The last resort of all: the nearest version, said aloud and recorded. */
export const lastResort: readonly Rule[] = [
  {
    id: 'nearest-version',
    about: 'no version of a tool is to be had that the repository asks for',
    steps: ['toolchain'],
    code: 'TOOL_MISSING',
    signature: [/is needed/],
    // Where there is none at all, no version is near.
    guard: (found) => /\d/.test(tool(found)?.met.split(';')[0] ?? ''),
    cause: (found) =>
      `${tool(found)!.name} ${tool(found)!.want} is not to be had; the nearest to it here is taken (degraded)`,
    does: ['relax-version'],
    actions: (found) => [{ do: 'relax-version', tool: tool(found)!.name }],
    key: (found) => tool(found)!.name,
    proves: 'everything that follows, on a version the repository did not ask for',
  },
];
