/** The kinds of services there are. To take one out, delete its file and its line. */
import type { ServiceKind } from './kind.js';
import { mysql } from './mysql.js';
import { postgres } from './postgres.js';
import { redis } from './redis.js';

export const serviceKinds: Readonly<Record<string, ServiceKind>> = Object.freeze(
  Object.fromEntries([postgres, mysql, redis].map((kind) => [kind.name, kind])),
);
