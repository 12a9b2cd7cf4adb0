/** Ports: one that is held, one that an ordinary user may not have, one that the application takes from elsewhere. */

import { fail } from '../../../runtime/errors.js';
import type { Action } from '../contract.js';
import { escapeRegExp, startBody, startOf, withBins } from './commands.js';
import { HELD, heldPort, UNNAMED } from './held-port.js';
import { type Case, command, env, type Rule } from './rule.js';

/** The port the failure is about; without a number in the text, the one that the start command names. */
export function portIn(found: Case): number | null {
  const said = found.match[1] ?? heldPort(found.text);
  if (said !== null && /^\d+$/.test(String(said))) return Number(said);
  const named =
    /(?:port[= ]|-p ?|:|-b \S*:)(\d{2,5})\b/i.exec(startBody(found))?.[1] ?? found.heal.service.ports[0]?.number;
  return named === undefined ? null : Number(named);
}

const FLAGS: readonly [RegExp, string][] = [
  [/\bnext (?:dev|start)\b/, '-p'],
  [
    /\b(?:vite|nuxt|nuxi|astro|ng serve|vue-cli-service serve|webpack(?:-dev-server| serve)|uvicorn|flask|hypercorn)\b/,
    '--port',
  ],
  [/\b(?:http-server|serve|json-server)\b/, '-p'],
];
/** Settings by which a source takes that port from its environment, other than PORT, which it had already. */
function settingsFor({ look, heal }: Case, port: number): string[] {
  const names = new Set<string>();
  const reads =
    /(?:process\.env\.|process\.env\[['"]|environ(?:\.get\(|\[)\s*['"]|getenv\(\s*['"]|ENV(?:\.fetch\(|\[)\s*['"])(\w+)/g;
  for (const text of Object.values(look.texts))
    for (const line of text.split('\n').filter((one) => one.length < 500 && new RegExp(`\\b${port}\\b`).test(one)))
      for (const hit of line.matchAll(reads)) names.add(hit[1]!);
  for (const { name, default: value } of heal.service.env)
    if (value === String(port) && /PORT|LISTEN/.test(name)) names.add(name);
  return [...names].filter(
    (name) => name !== 'PORT' && !/DB|DATABASE|POSTGRES|PG|MYSQL|REDIS|MONGO|SMTP|MAIL/.test(name),
  );
}

function move(found: Case): Action[] {
  const { port: leased } = found.heal;
  const held = portIn(found);
  if (leased === null || held === null || held === leased) return [];
  const body = startBody(found);
  const literal = new RegExp(`(^|[^\\d.])${escapeRegExp(String(held))}(?![\\d.])`, 'g');
  if (literal.test(body))
    return [
      command(
        'start',
        withBins(
          found,
          body.replace(literal, (_, before: string) => `${before}${leased}`),
        ),
      ),
    ];
  const names = settingsFor(found, held);
  if (names.length > 0) return names.map((name) => env(name, String(leased)));
  const flag = FLAGS.find(([program]) => program.test(body))?.[1];
  return flag === undefined || body.includes(` ${flag} `)
    ? []
    : [command('start', withBins(found, `${body} ${flag} ${leased}`))];
}

const TALKS = /(?:listening|running|ready|started|serving|available)[^\n]{0,60}?:(\d{2,5})\b/i;

export const ports: readonly Rule[] = [
  {
    id: 'port-lost',
    about: 'the leased port was taken between lease and start',
    steps: ['start', 'prove'],
    signature: [...HELD, UNNAMED],
    guard: (found) => found.heal.port !== null && portIn(found) === found.heal.port,
    cause: (found) => `port ${found.heal.port} was free when it was leased and was taken before the start`,
    does: ['move-port'],
    actions: (found) => [{ do: 'move-port', port: found.heal.port! }],
    key: (found) => String(found.heal.port),
    proves: 'the application listens on another port that it is given',
  },
  {
    id: 'port-held',
    about: 'the port that the application takes is not free',
    steps: ['start', 'prove'],
    signature: [...HELD, UNNAMED],
    cause: (found) => `port ${portIn(found) ?? 'of the application'} is not free for it`,
    does: ['set-command', 'set-env'],
    actions: move,
    key: (found) => String(portIn(found)),
    proves: 'the application listens on the port it was leased',
  },
  {
    id: 'port-apart',
    about: 'the application takes no port but one that another program holds, and can have a network of its own',
    after: ['port-held', 'port-lost', 'spring-port'],
    steps: ['start', 'prove'],
    signature: [...HELD, UNNAMED],
    // Where nobody holds it any more the application was in its own way, and would be there too.
    guard: (found) => found.look.ownNetwork && found.look.holder !== null && (portIn(found) ?? 0) >= 1024,
    cause: (found) => `the application takes no port but ${portIn(found)}, which ${found.look.holder} holds`,
    does: ['own-network'],
    actions: (found) => [{ do: 'own-network', port: portIn(found)! }],
    key: (found) => String(portIn(found)),
    proves: 'the application answers from a network of its own, by the port it was leased',
  },
  {
    id: 'port-fixed',
    about: 'the application takes no port but one that is not free',
    after: ['port-held', 'port-lost', 'spring-port', 'port-apart'],
    steps: ['start', 'prove'],
    signature: [...HELD, UNNAMED],
    guard: (found) => portIn(found) !== null,
    cause: (found) => `the application takes no port but ${portIn(found)}, and that is not free`,
    error: (found) =>
      fail('PORT_HELD', { port: portIn(found), holder: found.look.holder ?? 'another program' }).toRecord(),
  },
  {
    id: 'port-elsewhere',
    about: 'the application listens on another port than the one it was leased, and has a setting for it',
    steps: ['prove'],
    signature: [TALKS],
    guard: (found) => found.heal.port !== null && Number(found.match[1]) !== found.heal.port && startOf(found) !== '',
    cause: (found) =>
      `the application says it listens on ${found.match[1]} and nothing answers well there; it has a setting for its port`,
    does: ['set-env'],
    actions: (found) => settingsFor(found, Number(found.match[1])).map((name) => env(name, String(found.heal.port))),
    key: ({ match }) => match[1]!,
    proves: 'it answers on the port it was leased',
  },
];
