/** The process in which a module of a manifest runs: reads `{input, workspace}`, calls it, writes what it gives to fd 3. */
import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const tell = (answer: object): void => {
  const bytes = Buffer.from(JSON.stringify(answer));
  for (let at = 0; at < bytes.length; )
    try {
      at += writeSync(3, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
};
try {
  const { input, workspace } = JSON.parse(await text(process.stdin)) as { input: unknown; workspace: string | null };
  const { default: agent } = (await import(pathToFileURL(process.argv[2]!).href)) as { default?: unknown };
  if (typeof agent !== 'function') throw new Error('its module has no function as default export');
  tell({ output: (await (agent as (...given: unknown[]) => unknown)(input, { workspace })) ?? null });
} catch (error) {
  tell({ thrown: `${(error as Error)?.name ?? 'Error'}: ${(error as Error)?.message ?? String(error)}` });
}
process.exit();
