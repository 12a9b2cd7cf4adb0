/** Servers that variables name: where a program's data lies, which it reaches by other ways than a proxy. Pure. */

/** How servers are spoken to → where they listen when no port is said. An application itself is none of these. */
const PORTS: Readonly<Record<string, number>> = {
  postgres: 5432,
  postgresql: 5432,
  mysql: 3306,
  mysql2: 3306,
  mariadb: 3306,
  mongodb: 27_017,
  redis: 6379,
  rediss: 6379,
  valkey: 6379,
  amqp: 5672,
  amqps: 5671,
  kafka: 9092,
  nats: 4222,
  memcached: 11_211,
  mqtt: 1883,
  mqtts: 8883,
  sqlserver: 1433,
  mssql: 1433,
  cassandra: 9042,
  neo4j: 7687,
  bolt: 7687,
};
const SPOKEN = /^([a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?:\/\/(?:[^\s/@]*@)?([\w.,:-]+)/i;
/** `DB_HOST` beside `DB_PORT`: of a server of data, by its name. */
const HOST =
  /^(.*(?:DB|DATABASE|PG|POSTGRES\w*|SQL|MARIA\w*|MONGO\w*|REDIS|CACHE|AMQP|RABBIT\w*|KAFKA|SMTP|MAIL)\w*?_?)HOST(?:NAME)?$/i;

/** @returns the servers, as `host:port`, that one variable names; those beside it may say the port. */
export const serverOf =
  (variables: Readonly<Record<string, string>>) =>
  ([name, value]: [string, string]): string[] => {
    const spoken = SPOKEN.exec(value);
    const usual = PORTS[spoken?.[1]?.toLowerCase() ?? ''];
    if (spoken !== null && usual !== undefined)
      return spoken[2]!.split(',').map((each) => (/:\d+$/.test(each) ? each : `${each}:${usual}`));
    const port = variables[`${HOST.exec(name)?.[1]}PORT`];
    return /^[\w.-]+$/.test(value) && /^\d{2,5}$/.test(port ?? '') ? [`${value}:${port}`] : [];
  };
