/** app.json of Heroku: the variables a fresh deployment asks for, its add-ons and its commands. */
import type { Hint } from '../contract.js';
import { asList, asTable, asText } from '../values.js';
import { openJson } from './documents.js';
import { type Source, sayCommand, sayEnv, sayNeed } from './source.js';

const addons: readonly [RegExp, string][] = [
  [/^(?:heroku-)?postgresql/, 'postgres'],
  [/^(?:heroku-redis|heroku-data-for-redis|rediscloud|redistogo|stackhero-redis|openredis|upstash-redis)/, 'redis'],
  [/^(?:jawsdb-maria|stackhero-mariadb)/, 'mariadb'],
  [/^(?:cleardb|jawsdb|stackhero-mysql)/, 'mysql'],
  [/^(?:mongolab|mongohq|ormongo|objectrocket-mongodb|stackhero-mongodb)/, 'mongodb'],
  [/^(?:cloudamqp|rabbitmq)/, 'rabbitmq'],
  [/^(?:memcachier|memcachedcloud)/, 'memcached'],
  [/^(?:bonsai|searchbox|foundelasticsearch)/, 'elasticsearch'],
];

export const appJson: Source = {
  names: /^app\.json$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openJson(file);
    if (doc === null) return [];
    const table = asTable(doc.value);
    // Expo and React Native keep something else under the same name.
    if (table.expo !== undefined) return [];
    const hints: Hint[] = [];
    for (const [name, raw] of Object.entries(asTable(table.env))) {
      const row = asTable(raw);
      const value = asText(raw) ?? asText(row.value);
      const generated = row.generator === 'secret';
      hints.push(
        sayEnv(file, doc.line('env', name), 0.75, {
          name,
          // Heroku itself takes a variable as required unless the file says otherwise.
          required: value === null && row.required !== false,
          default: value,
          ...(generated ? { secret: true } : {}),
        }),
      );
    }
    for (const raw of asList(table.addons)) {
      const plan = asText(raw) ?? asText(asTable(raw).plan) ?? '';
      const need = addons.find(([pattern]) => pattern.test(plan))?.[1];
      if (need !== undefined) hints.push(sayNeed(file, doc.line('addons', plan), 0.75, need));
    }
    for (const [name, raw] of Object.entries(asTable(table.formation))) {
      const command = asText(asTable(raw).command);
      if (command !== null)
        hints.push(sayCommand(file, doc.line('formation', name), 0.7, name === 'web' ? 'start' : 'worker', command));
    }
    const after = asText(asTable(table.scripts).postdeploy);
    if (after !== null) hints.push(sayCommand(file, doc.line('scripts', 'postdeploy'), 0.6, 'release', after));
    const test = asText(asTable(asTable(asTable(table.environments).test).scripts).test);
    if (test !== null) hints.push(sayCommand(file, doc.line('environments', 'test', 'scripts'), 0.5, 'test', test));
    return hints;
  },
};
