/** Java without a build tool: source files and a class with `main`. */
import type { Service } from '../../contract.js';
import { makeService, type Place } from '../../place.js';
import { evidenceAt, word } from '../source.js';
import { describeServer, findListening, findMain, readPortEnv, readSources } from './served.js';

export function describePlain(place: Place): Service | null {
  const sources = readSources(place).filter(({ file }) => file.endsWith('.java'));
  const main = findMain(sources);
  if (main === null) return null;
  const listens = findListening(sources);
  const evidence = [evidenceAt(place, `the class ${main.name} is run`, main.found)];
  if (listens !== null) evidence.push(evidenceAt(place, 'starts a server', listens), ...readPortEnv(place, sources));
  const commands: Service['commands'] = {
    install: [],
    build: [`javac -d out ${sources.map(({ file }) => word(file)).join(' ')}`],
    start: `java -cp out ${main.name}`,
  };
  const shared = { language: 'java', commands, writes: ['out'], evidence };
  if (listens !== null)
    return makeService(place, { ...shared, ...describeServer(place, sources, null, null), confidence: 0.75 });
  return makeService(place, {
    ...shared,
    kind: 'job',
    proof: { how: 'exit', command: null, paths: [] },
    confidence: 0.5,
  });
}
