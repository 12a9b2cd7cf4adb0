/** `rr doctor`: what is here, what is missing, and the fix. */
import { diagnose } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

export async function doctor({ config, json }: Globals): Promise<number> {
  const checks = await diagnose(config);
  for (const check of checks) {
    if (json) process.stdout.write(`${JSON.stringify({ type: 'check', ...check })}\n`);
    else
      process.stdout.write(
        `${{ ok: '✓', warn: '!', missing: '✗' }[check.status]} ${check.name.padEnd(14)} ${check.found}${check.fix ? `\n${' '.repeat(17)}fix: ${check.fix}` : ''}\n`,
      );
  }
  return checks.some(({ status }) => status === 'missing') ? codes.needsInput : codes.ok;
}
