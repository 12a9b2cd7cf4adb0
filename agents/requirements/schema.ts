/** The plan's JSON Schema, made from the same zod schema that checks it; published as docs/plan.schema.json. */
import { z } from 'zod';
import { Plan } from '../detection/contract.js';

export function planSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(Plan);
  return { $schema, title: 'Plan', description: 'What `rr plan --json` prints.', ...schema };
}
