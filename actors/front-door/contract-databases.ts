/** What clients may ask about the private databases and other servers of a run. The answers hold their passwords. */
import { z } from 'zod';
import { RunId } from './contract-runs.js';

const client = z
  .strictObject({ command: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()) })
  .nullable()
  .describe('a program with its arguments and variables; null: it is not on this machine');
export const Database = z.strictObject({
  kind: z.string(),
  up: z.boolean(),
  url: z.string().describe('with the login of the application'),
  data: z.string().describe('absolute folder'),
  shell: client,
  dump: client,
  serve: z
    .strictObject({
      shell: z.string(),
      env: z.record(z.string(), z.string()),
      cwd: z.string(),
      host: z.string(),
      port: z.int(),
    })
    .describe('how its server is begun, for a look into one that is down'),
});
export type Database = z.infer<typeof Database>;

export const databaseVerbs = {
  'databases.list': {
    about:
      'The private databases and other servers of a run, also of one that has ended: their addresses with logins, and how to look into them.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: z.strictObject({ run: RunId, databases: z.array(Database) }),
  },
} as const;
