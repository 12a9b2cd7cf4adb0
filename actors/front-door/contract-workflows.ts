/** What clients may ask about workflows, and what they may tell a run that waits. */
import { z } from 'zod';
import { Definition } from '../../workflows/contract.js';
import { Decision, State } from '../run/contract.js';
import { RunId } from './contract-runs.js';

const Name = z.string().min(1).max(200);
export const WorkflowLine = z.strictObject({
  name: z.string(),
  version: z.int().nullable(),
  about: z.string().nullable(),
  steps: z.array(z.string()),
  file: z.string().nullable().describe('where it was read; null: one of ours'),
  faults: z.array(z.string()).describe('what keeps it from being used'),
});

export const workflowVerbs = {
  'workflows.list': {
    about: 'Every workflow of the state folder, whole or not. The folder is read anew.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({ workflows: z.array(WorkflowLine) }),
  },
  'workflows.show': {
    about: 'One workflow: its definition, and a drawing of it in Mermaid.',
    repeatable: true,
    request: z.strictObject({ name: Name }),
    response: z.strictObject({ definition: Definition, mermaid: z.string() }),
  },
  'workflows.check': {
    about: 'What is wrong with a definition, were it laid into the folder.',
    repeatable: true,
    request: z.strictObject({ definition: z.unknown() }),
    response: z.strictObject({ name: z.string(), faults: z.array(z.string()) }),
  },
  'runs.approve': {
    about: 'Decides where a run asks for approval. Recorded as a decision, with who decided.',
    repeatable: false,
    request: z.strictObject({
      run: RunId,
      step: Name.nullable().default(null).describe('null: the only step that asks'),
      option: Name.default('approve'),
      reason: z.string().max(2_000).default(''),
    }),
    response: z.strictObject({ run: RunId, step: z.string(), decision: Decision }),
  },
  'runs.signal': {
    about: 'Sends a run a signal. It is kept until a step waits for it.',
    repeatable: false,
    request: z.strictObject({
      run: RunId,
      name: Name,
      payload: z.unknown().optional(),
      id: Name.optional().describe('an id of your own making, so that a repeat is the same signal'),
    }),
    response: z.strictObject({ run: RunId, step: z.string().nullable().describe('the step that waited for it') }),
  },
  'runs.restart': {
    about: 'Ends what a run holds up and starts it again, one service after the other; the run stays up.',
    repeatable: false,
    request: z.strictObject({
      run: RunId,
      service: Name.nullable().default(null).describe('one of several; null: all of them'),
    }),
    response: z.strictObject({
      run: RunId,
      state: State,
      services: z.array(z.string()).describe('in the order in which they are started'),
    }),
  },
} as const;
