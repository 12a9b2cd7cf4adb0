/** What clients may ask about actors. */
import { z } from 'zod';

export const adminVerbs = {
  'admin.tree': {
    about: 'Who is alive on this host, and whose child.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({
      host: z.string(),
      actors: z.array(
        z.strictObject({
          address: z.string(),
          kind: z.string(),
          version: z.int(),
          turn: z.int(),
          state: z.unknown(),
          owed: z.int(),
          parent: z.string().nullable(),
          restarts: z.int(),
        }),
      ),
    }),
  },
} as const;
