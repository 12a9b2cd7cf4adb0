/** `rr up --foreground`: a runtime that takes jobs until Ctrl-C. */
import { fail } from '../../../runtime/errors.js';
import { embed } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

export async function up({ config, json }: Globals, { foreground }: { foreground: boolean }): Promise<number> {
  if (!foreground) throw fail('USAGE', { met: 'rr up stays in the foreground', fix: 'rr up --foreground' });
  const { client, runtime } = await embed(config, (line) => void process.stderr.write(`${line}\n`));
  await client.close();
  process.stdout.write(
    json
      ? `${JSON.stringify({ type: 'up', host: config.host, broker: runtime.broker.url, state: config.state })}\n`
      : `up: ${runtime.broker.how}\n    state ${config.state}; Ctrl-C ends it, what it holds stays up\n`,
  );
  const asked = new Promise<null>((resolve) =>
    process.once('SIGINT', () => resolve(null)).once('SIGTERM', () => resolve(null)),
  );
  const fallen = await Promise.race([asked, runtime.fallen]);
  await runtime.close();
  if (fallen !== null) throw fallen;
  return codes.ok;
}
