/** The kinds of services there are. To take one out, delete its file and its line. */
import { elasticsearch } from './elasticsearch.js';
import type { ServiceKind } from './kind.js';
import { mail } from './mail.js';
import { minio } from './minio.js';
import { mongodb } from './mongodb.js';
import { mysql } from './mysql.js';
import { postgres } from './postgres.js';
import { rabbitmq } from './rabbitmq.js';
import { redis } from './redis.js';
import { memcached, nats } from './small.js';

const all = [postgres, mysql, redis, memcached, nats, mail, mongodb, rabbitmq, elasticsearch, minio];
export const serviceKinds: Readonly<Record<string, ServiceKind>> = Object.freeze(
  Object.fromEntries(all.map((kind) => [kind.name, kind])),
);
