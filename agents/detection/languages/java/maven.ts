/** A pom.xml, read by its few elements that matter here. */
import type { Evidence, Service } from '../../contract.js';
import { makeService, type Place } from '../../place.js';
import { blank, evidenceAt, word, XML } from '../source.js';
import { describeServer, FRAMEWORKS, findListening, findMain, portOf, readPortEnv, readSources } from './served.js';

const NESTED = [
  'parent',
  'dependencies',
  'dependencyManagement',
  'build',
  'profiles',
  'reporting',
  'modules',
  'properties',
];

export function describeMaven(place: Place): Service | null {
  const text = blank(place.read('pom.xml', 300_000) ?? '', XML);
  // What stands in other elements (a dependency's artifactId) is not the project's own.
  const own = NESTED.reduce((rest, element) => splitElement(rest, element).outside, text);
  const value = (name: string, within: string): string | null =>
    new RegExp(`<${name}>([^<]+)</${name}>`).exec(within)?.[1]?.trim() ?? null;
  const artifact = value('artifactId', own);
  if (artifact === null) {
    place.notes.push(`${place.full('pom.xml')} names no artifactId of its own`);
    return null;
  }
  // A parent of modules builds nothing that runs: each module is a place of its own.
  if (value('packaging', own) === 'pom') return null;
  const parent = splitElement(text, 'parent').inside;
  const resolve = (raw: string | null): string | null =>
    raw?.replace(/\$\{([\w.-]+)\}/g, (whole, key: string) =>
      key === 'project.artifactId'
        ? artifact
        : key === 'project.version'
          ? (value('version', own) ?? whole)
          : (value(key, text) ?? whole),
    ) ?? null;
  const version = resolve(value('version', own) ?? value('version', parent));
  const finalName = resolve(value('finalName', text));
  const base = finalName ?? (version === null ? artifact : `${artifact}-${version}`);
  const packaging = value('packaging', own) ?? 'jar';

  const line = (pattern: string): Evidence['line'] => place.evidence('', 'pom.xml', pattern).line;
  const say = (claim: string, pattern: string): Evidence => ({
    claim,
    file: place.full('pom.xml'),
    line: line(pattern),
  });
  const evidence = [say(`the Maven project ${artifact}`, `<artifactId>${artifact}<`)];
  const [marker, framework] = FRAMEWORKS.find(([each]) => text.includes(each)) ?? [null, null];
  if (marker !== null) evidence.push(say(`depends on ${marker}`, marker));
  const wrapper = place.has('mvnw');
  if (wrapper) evidence.push(place.evidence('brings its own Maven', 'mvnw', /./));
  const maven = wrapper ? 'sh ./mvnw' : 'mvn';
  const build = [`${maven} --batch-mode -DskipTests package`];
  const sources = readSources(place);
  const main = findMain(sources);
  const listens = findListening(sources);
  const java = [
    'maven.compiler.release',
    'java.version',
    'maven.compiler.target',
    'maven.compiler.source',
    'release',
  ].find((key) => /^[\d.]+$/.test(value(key, text) ?? ''));
  const number = java === undefined ? null : value(java, text)!.replace(/^1\.(?=\d)/, '');
  const shared = {
    name: artifact,
    language: main?.found.file.endsWith('.kt') === true ? 'kotlin' : 'java',
    packageManager: 'maven',
    versions: number === null ? {} : { java: { want: `>=${number}`, from: place.from('pom.xml', `<${java}>`) } },
    writes: ['target'],
  };
  if (framework !== null || listens !== null) {
    if (listens !== null) evidence.push(evidenceAt(place, 'starts a server', listens));
    evidence.push(...readPortEnv(place, sources));
    const jar = framework === 'quarkus' ? 'target/quarkus-app/quarkus-run.jar' : `target/${word(base)}.${packaging}`;
    const port = portOf(framework);
    // Without a plugin that makes the jar runnable, its classes are run.
    const runnable =
      framework === 'spring-boot' ||
      framework === 'quarkus' ||
      /maven-shade-plugin|maven-assembly-plugin|<mainClass>|micronaut-maven/.test(text);
    const run = runnable || main === null ? `-jar ${jar}` : `-cp target/classes ${main.name}`;
    if (!runnable && main !== null)
      evidence.push(evidenceAt(place, `the class ${main.name} is run, since the jar names none`, main.found));
    const actuator = text.includes('spring-boot-starter-actuator')
      ? place.from('pom.xml', 'spring-boot-starter-actuator')
      : null;
    return makeService(place, {
      ...shared,
      ...describeServer(place, sources, framework, actuator),
      commands: { install: [], build, start: `${port.environment}java ${port.properties}${run}${port.options}` },
      confidence: framework !== null && (main !== null || framework === 'quarkus') ? 0.9 : 0.7,
      evidence,
    });
  }
  if (main !== null) {
    evidence.push(evidenceAt(place, `the class ${main.name} is run`, main.found));
    const runnable = /<mainClass>/.test(text);
    const start = runnable ? `java -jar target/${word(base)}.jar` : `java -cp target/classes ${main.name}`;
    const tool = ['picocli', 'commons-cli', 'jcommander'].find((each) => text.includes(each));
    if (tool !== undefined) evidence.push(say(`reads arguments by ${tool}`, tool));
    return makeService(place, {
      ...shared,
      kind: tool === undefined ? 'job' : 'cli',
      commands: { install: [], build, start },
      proof: { how: 'exit', command: tool === undefined ? null : `${start} --help`, paths: [] },
      confidence: 0.65,
      evidence,
    });
  }
  return makeService(place, {
    ...shared,
    kind: 'library',
    commands: { install: [], build, start: null },
    proof: { how: 'exit', command: `${maven} --batch-mode test`, paths: [] },
    confidence: 0.75,
    evidence,
  });
}

/** Text without the elements of a name, and the first of them. Looks from each opening to the next closing, once. */
function splitElement(text: string, name: string): { outside: string; inside: string } {
  const outside: string[] = [];
  let inside: string | null = null;
  let index = 0;
  for (;;) {
    const open = text.indexOf(`<${name}>`, index);
    const close = open < 0 ? -1 : text.indexOf(`</${name}>`, open);
    if (close < 0) break;
    outside.push(text.slice(index, open));
    inside ??= text.slice(open, close);
    index = close + name.length + 3;
  }
  return { outside: [...outside, text.slice(index)].join(''), inside: inside ?? '' };
}
