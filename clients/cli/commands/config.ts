/** `rr config`: every setting with its origin. */
import { readConfig } from '../../../runtime/config.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

export async function config({ config: set, json }: Globals): Promise<number> {
  const { origins } = readConfig();
  for (const [name, value] of Object.entries(set)) {
    const shown = name === 'natsUrl' && typeof value === 'string' ? value.replace(/\/\/[^@/]*@/, '//***@') : value;
    const origin = origins[name as keyof typeof origins];
    process.stdout.write(
      json
        ? `${JSON.stringify({ type: 'setting', name, value: shown, origin })}\n`
        : `${name.padEnd(14)} ${String(shown)}  (${origin})\n`,
    );
  }
  return codes.ok;
}
