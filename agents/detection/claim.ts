/**
 * What a `recipe.json` of the repository claims once brought a service up. It is tried before what the code says, and proven
 * anew: neither what it says was proven nor the kind and the proof it names are taken from it. One that does not hold is left.
 */
import { posix } from 'node:path';
import type { Claim, Service } from './contract.js';
import type { Place } from './place.js';
import { asTable, asText, asTexts } from './values.js';

const MOST_COMMANDS = 20;
const COMMAND_CHARS = 2_000;
const isSound = (command: string): boolean =>
  command.trim() !== '' && command.length <= COMMAND_CHARS && !/[\0\r]/.test(command);

/** @param root the repository's root. @returns null where nothing is claimed of the service, or nothing new. */
export function findClaim(service: Service, root: Place): Claim | null {
  // What ends by itself is proven by what the code says of it: a claimed command that only ends well would prove nothing.
  if (service.proof.how === 'exit' || !root.has('recipe.json')) return null;
  if (!/"format"\s*:\s*1\b/.test(root.read('recipe.json') ?? '')) return null;
  const said = asTable(root.json('recipe.json'));
  const start = asText(said.start);
  if (said.format !== 1 || start === null || !Array.isArray(said.install)) return null;
  if (posix.normalize(asText(said.path) ?? '.').replace(/\/$/, '') !== service.path) return null;
  const [install, build] = [asTexts(said.install), asTexts(said.build)];
  if (![start, ...install, ...build].every(isSound) || install.length + build.length > MOST_COMMANDS) return null;
  const { commands } = service;
  const same = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');
  if (start === commands.start && same(install, commands.install) && same(build, commands.build)) return null;
  const port = typeof said.port === 'number' && Number.isInteger(said.port) && said.port > 0 && said.port < 65_536;
  return {
    install,
    build,
    start,
    port: port ? (said.port as number) : null,
    from: root.from('recipe.json', '"start"'),
  };
}
