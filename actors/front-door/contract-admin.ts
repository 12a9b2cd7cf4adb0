/** What clients may ask about actors. */
import { z } from 'zod';
import { Decision, Open } from '../admin/contract.js';
import { Group, Restart } from '../host/contract.js';

const Address = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+\/[a-z0-9-]+$/);
const Token = z.string().regex(/^[a-z0-9-]+$/);
const Message = z.looseObject({ type: z.string() });

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
  'admin.decisions': {
    about: 'What the admin asks people, and what was decided, oldest first.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({
      open: z.array(Open),
      made: z.array(Decision.extend({ address: z.string() })),
    }),
  },
  'admin.decide': {
    about: 'Answers what the admin asks: `restart` starts the actor again, `stop` does without it.',
    repeatable: false,
    request: z.strictObject({ decision: z.string(), option: z.string(), reason: z.string().max(2_000).default('') }),
    response: z.strictObject({ address: z.string(), decision: Decision }),
  },
  'admin.kinds': {
    about: 'Every kind of actor, with the JSON Schema of the commands it hears.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({
      kinds: z.array(
        z.strictObject({
          kind: z.string(),
          version: z.int(),
          hears: z.array(z.string()),
          schema: z.unknown(),
          custom: z
            .strictObject({
              role: z.string(),
              state: z.enum(['registered', 'quarantined']),
              problems: z.array(z.string()),
              tools: z.array(z.string()),
              offline: z.boolean().describe('kept off the network, which this system allows us to do'),
            })
            .nullable(),
        }),
      ),
    }),
  },
  'admin.actor': {
    about: 'One actor: its last committed state, what it owes, which commands are open. Also one that is not alive.',
    repeatable: true,
    request: z.strictObject({ address: Address }),
    response: z.strictObject({
      address: Address,
      alive: z.boolean(),
      version: z.int(),
      epoch: z.int(),
      turn: z.int(),
      at: z.string(),
      state: z.looseObject({ value: z.unknown(), context: z.unknown(), status: z.string() }),
      owed: z.array(z.looseObject({ id: z.string(), type: z.string() })),
      open: z.record(z.string(), z.looseObject({ type: z.string() })),
    }),
  },
  'admin.send': {
    about: 'Sends a command to an actor and gives the fact that ends it.',
    repeatable: false,
    request: z.strictObject({
      address: Address,
      command: Message,
      withinMs: z.int().positive().max(3_600_000).default(30_000),
      id: z
        .string()
        .min(1)
        .max(300)
        .optional()
        .describe('an id of your own making, so that a repeat is the same command'),
    }),
    response: z.strictObject({ fact: Message }),
  },
  'admin.spawn': {
    about: 'Has the admin start an actor of a kind and keep it.',
    repeatable: false,
    request: z.strictObject({
      kind: Token,
      id: Token.optional(),
      run: Token.default('sys').describe('the run it belongs to; sys: none'),
      input: z.unknown().optional(),
      restart: Restart.optional().describe('what becomes of it when it dies; default permanent'),
      group: Group.optional().describe('the actors of the run in the group of that name are restarted as it says'),
    }),
    response: z.strictObject({ address: Address }),
  },
  'admin.enlist': {
    about: 'Takes a folder with an agent.json in as a new kind of agent; it is held back until its own checks pass.',
    repeatable: false,
    request: z.strictObject({ source: z.string().startsWith('/').describe('absolute path of the folder on the host') }),
    response: z.strictObject({
      kind: z.string(),
      state: z.enum(['registered', 'quarantined']),
      problems: z.array(z.string()),
    }),
  },
  'admin.unlist': {
    about: 'Forgets a kind made at run time; what lives of it goes on until it ends.',
    repeatable: true,
    request: z.strictObject({ kind: Token }),
    response: z.strictObject({ kind: z.string() }),
  },
  'admin.restart': {
    about: 'Ends an actor’s loop and starts it again from its checkpoint.',
    repeatable: true,
    request: z.strictObject({ address: Address }),
    response: z.strictObject({ address: Address, turn: z.int() }),
  },
  'admin.stop': {
    about: 'Ends an actor that `admin.spawn` started, and forgets it; its checkpoint stays.',
    repeatable: true,
    request: z.strictObject({ address: Address }),
    response: z.strictObject({ address: Address }),
  },
} as const;
