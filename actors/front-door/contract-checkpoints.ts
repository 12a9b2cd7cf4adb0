/** What clients may ask about the memory of actors: any of them at any version that is kept. */
import { z } from 'zod';
import { RunId } from './contract-runs.js';

export const Address = z
  .string()
  .regex(/^[a-z0-9-]+\/[a-z0-9-]+\/[a-z0-9-]+$/)
  .describe('<run>/<kind>/<id>; `sys` is the run of system actors');
export const Version = z
  .string()
  .regex(/^\d+\.\d+$/)
  .describe('<epoch>.<turn>');
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
const json = z.record(z.string(), z.unknown());
const line = z.strictObject({
  id: z.string(),
  at: z.string(),
  from: z.string(),
  type: z.string(),
  payload: json,
  causation: z.string().nullable(),
});
export const Lead = z.strictObject({
  id: z.string().nullable(),
  type: z.string(),
  command: line.nullable(),
  answer: line.nullable(),
});
export const Seen = z.strictObject({
  address: z.string(),
  kind: z.string(),
  run: z.string(),
  version: z.string().nullable(),
  state: z.unknown(),
  owed: z.int(),
  open: z.int(),
  at: z.string().nullable(),
  file: z.string(),
  error: failure.nullable(),
});
const path = z.array(z.union([z.string(), z.int()]));
export const Change = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('set'), path, was: z.unknown(), now: z.unknown() }),
  z.strictObject({ do: z.literal('add'), path, now: z.unknown() }),
  z.strictObject({ do: z.literal('remove'), path, was: z.unknown() }),
  z.strictObject({
    do: z.literal('splice'),
    path,
    index: z.int(),
    was: z.array(z.unknown()),
    now: z.array(z.unknown()),
  }),
]);
export const Finding = z.strictObject({
  code: z.string(),
  path: z.string().describe('from the state folder'),
  what: z.string(),
  mend: z.string(),
  safe: z.boolean().describe('`rr checkpoints verify --mend` does it'),
});

export const checkpointVerbs = {
  'checkpoints.list': {
    about: 'Every actor that has a checkpoint, living or not; those whose checkpoint is broken too.',
    repeatable: true,
    request: z.strictObject({ run: z.string().optional().describe('only this run’s; `sys`: the system’s') }),
    response: z.strictObject({ actors: z.array(Seen) }),
  },
  'checkpoints.show': {
    about: 'One actor at one version: its state, what it owes, and the message that led there.',
    repeatable: true,
    request: z.strictObject({
      address: Address,
      version: Version.optional().describe('default: the newest'),
      path: z.string().optional().describe('only this part of the context, e.g. `steps.deps`'),
    }),
    response: z.strictObject({
      address: z.string(),
      version: z.string(),
      at: z.string(),
      definition: z.int(),
      state: z.unknown(),
      status: z.string(),
      context: z.unknown(),
      owed: z.array(
        z.strictObject({
          id: z.string(),
          type: z.string(),
          params: z.unknown(),
          causation: z.string().nullable(),
          hop: z.int().optional(),
        }),
      ),
      open: z.record(z.string(), z.strictObject({ type: z.string(), until: z.number() })),
      answers: z.int(),
      lead: Lead.nullable().describe('null: turn 0, or not written down'),
    }),
  },
  'checkpoints.history': {
    about: 'The versions of an actor that are kept, oldest first, and what changed from each to the next.',
    repeatable: true,
    request: z.strictObject({ address: Address }),
    response: z.strictObject({
      address: z.string(),
      versions: z.array(
        z.strictObject({
          version: z.string(),
          at: z.string().nullable(),
          state: z.unknown(),
          owed: z.int(),
          took: z
            .string()
            .nullable()
            .describe('the message that led there: its type; of an answer also what it was to'),
          changed: z.array(z.string()).describe('paths, those of the context without a prefix'),
          error: failure.nullable(),
        }),
      ),
    }),
  },
  'checkpoints.diff': {
    about: 'What changed between two versions of an actor. Applying the changes to the first gives the second.',
    repeatable: true,
    request: z.strictObject({ address: Address, from: Version, to: Version }),
    response: z.strictObject({
      address: z.string(),
      from: z.string(),
      to: z.string(),
      changes: z.array(Change).describe('a path begins with `state`, `context`, `owed`, `open` or `answers`'),
    }),
  },
  'checkpoints.restore': {
    about: 'Puts an older version of an actor back as its newest. A living one is stopped before and started after.',
    repeatable: false,
    request: z.strictObject({
      address: Address,
      version: Version,
      dropOwed: z.boolean().default(false).describe('drop all effects it owed then'),
    }),
    response: z.strictObject({
      address: z.string(),
      from: z.string().nullable().describe('the version before; null: it was broken'),
      to: z.string(),
      as: z.string().describe('the version it is now'),
      kept: z.array(z.string()).describe('effects it owes again'),
      dropped: z.array(z.string()),
      lives: z.boolean().describe('it was started again'),
    }),
  },
  'checkpoints.fork': {
    about: 'A new run that goes on from a step of another one, which is left as it is. It works on a copy.',
    repeatable: false,
    request: z.strictObject({
      run: RunId,
      from: z.string().describe('the step to do again, with all that follow from it'),
      job: json.default({}).describe('fields of the job to change: `ref`, `service`…'),
      env: z.record(z.string(), z.string()).default({}).describe('variables to set or change; never told'),
      as: RunId.optional().describe('an id of your own making for the new run'),
    }),
    response: z.strictObject({ run: RunId, kept: z.array(z.string()), again: z.array(z.string()) }),
  },
  'checkpoints.verify': {
    about: 'Looks at the whole state folder. Changes nothing.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({
      checked: z.record(z.string(), z.int()).describe('how many of what were looked at'),
      findings: z.array(Finding),
    }),
  },
  'checkpoints.export': {
    about: 'Writes a run or an actor into one file on the host. What is secret is left out.',
    repeatable: false,
    request: z.strictObject({
      what: z.union([Address, RunId]).describe('a run, or the address of an actor'),
      file: z.string().describe('absolute path of a file that is not there yet'),
    }),
    response: z.strictObject({
      what: z.string(),
      file: z.string(),
      parts: z.int(),
      bytes: z.int(),
      sha256: z.string(),
    }),
  },
} as const;
