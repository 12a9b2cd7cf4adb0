/** What clients may ask about messages that could not be taken. What is secret in one is shown as `***`. */
import { z } from 'zod';

const Id = z.string().regex(/^[a-z0-9]+-[0-9a-f]+$/);
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
const json = z.record(z.string(), z.unknown());
const PutBack = z
  .strictObject({ id: z.string(), at: z.string(), error: failure.nullable() })
  .nullable()
  .describe('the last time it was put back: the id of that message, and why it was refused');
const shared = {
  id: Id,
  address: z.string().describe('of the actor it was for'),
  at: z.string(),
  lastAt: z.string().describe('it may have come more than once'),
  times: z.int(),
  why: failure.describe('why it could not be taken, the last time'),
};

export const quarantineVerbs = {
  'quarantine.list': {
    about: 'The messages that could not be taken and are kept aside, oldest first.',
    repeatable: true,
    request: z.strictObject({ address: z.string().optional().describe('only those for this actor') }),
    response: z.strictObject({
      messages: z.array(
        z.strictObject({
          ...shared,
          what: z.enum(['command', 'report']).describe('report: what an effect reported'),
          type: z.string(),
          from: z.string().nullable(),
          edited: z.boolean(),
          putBack: PutBack,
          bytes: z.int(),
        }),
      ),
      broken: z.array(z.strictObject({ id: Id, error: failure })).describe('kept in a file that does not parse'),
      most: z.int().describe('as many are kept; the oldest goes first'),
      dropped: z
        .strictObject({ count: z.int(), lastAt: z.string() })
        .nullable()
        .describe('how many have gone for want of room'),
    }),
  },
  'quarantine.get': {
    about: 'One of them, whole.',
    repeatable: true,
    request: z.strictObject({ id: Id }),
    response: z.strictObject({
      ...shared,
      command: z
        .looseObject({ id: z.string(), type: z.string(), payload: json })
        .nullable()
        .describe('the envelope as it came; null: it was no command'),
      report: z
        .strictObject({
          event: z.looseObject({ type: z.string() }),
          causation: z.string().nullable(),
          settles: z.string().nullable().describe('the effect that reported it'),
        })
        .nullable(),
      edited: z
        .strictObject({ at: z.string(), payload: json })
        .nullable()
        .describe('the payload it will have when it is put back'),
      putBack: PutBack,
      file: z.string().describe('absolute path, on the host'),
    }),
  },
  'quarantine.edit': {
    about: 'Gives a command another payload, which its actor’s contract must take. The original is kept beside it.',
    repeatable: true,
    request: z.strictObject({
      id: Id,
      payload: json.describe('without `type`; what was shown as `***` and still is stays what it was'),
    }),
    response: z.strictObject({ id: Id, at: z.string() }),
  },
  'quarantine.put-back': {
    about: 'Sends it to its actor again, as a new message. What is accepted leaves the quarantine.',
    repeatable: false,
    request: z.strictObject({
      id: Id,
      withinMs: z.int().positive().max(86_400_000).default(600_000).describe('its new deadline, from now'),
    }),
    response: z.strictObject({
      id: Id,
      address: z.string(),
      message: z.string().describe('id of the new message; the old one is its causation'),
      outcome: z.enum(['accepted', 'refused']),
      fact: z.looseObject({ type: z.string() }).nullable().describe('the fact that ended it, if it came at once'),
      refusal: failure.nullable().describe('why it was refused; the message stays'),
    }),
  },
  'quarantine.drop': {
    about: 'Throws it away.',
    repeatable: false,
    request: z.strictObject({ id: Id }),
    response: z.strictObject({ id: Id }),
  },
} as const;
