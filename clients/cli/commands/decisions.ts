/** `rr decisions` and `rr decide`: what the admin leaves to a person. */
import { reachOrFail } from '../connect.js';
import { decisionLines } from '../decision-words.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';
import { paints } from '../paint.js';

const print = (line: string): void => void process.stdout.write(`${harmless(line)}\n`);

export async function decisions({ config, json }: Globals): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const { open, made } = await client.call('admin.decisions', {});
    if (json) {
      for (const one of open) print(JSON.stringify({ type: 'open', ...one }));
      for (const one of made) print(JSON.stringify({ type: 'made', ...one }));
      return codes.ok;
    }
    for (const line of decisionLines({ open, made }, paints())) print(line);
    return codes.ok;
  } finally {
    await client.close();
  }
}

export async function decide(
  { config, json }: Globals,
  decision: string,
  option: string,
  reason: string,
): Promise<number> {
  const client = await reachOrFail(config);
  try {
    const made = await client.call('admin.decide', { decision, option, reason });
    print(json ? JSON.stringify({ type: 'decided', ...made }) : `${made.address}: ${made.decision.option}`);
    return codes.ok;
  } finally {
    await client.close();
  }
}
