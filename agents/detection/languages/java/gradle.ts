/** A build.gradle or build.gradle.kts, read by pattern: the script itself is never run. */
import type { Evidence, Service } from '../../contract.js';
import { makeService, type Place } from '../../place.js';
import { blank, evidenceAt, findAbove, GRADLE, openSource, word } from '../source.js';
import { describeServer, FRAMEWORKS, findListening, findMain, portOf, readPortEnv, readSources } from './served.js';

export function describeGradle(place: Place): Service | null {
  const file = place.has('build.gradle.kts') ? 'build.gradle.kts' : 'build.gradle';
  const script = openSource(place, file, GRADLE);
  if (script === null) return null;
  const sources = readSources(place);
  const settings = ['settings.gradle.kts', 'settings.gradle'].find((each) => place.has(each)) ?? null;
  // The root of several projects, without code of its own, builds nothing that runs.
  if (sources.length === 0 && settings !== null && /^[ \t]*include[\s(]/m.test(place.read(settings) ?? '')) return null;
  const text = blank(script.text, GRADLE, 'comments');
  const has = (pattern: RegExp): boolean => pattern.test(text);
  const say = (claim: string, pattern: RegExp | string): Evidence => place.evidence(claim, file, pattern);
  const evidence = [say('a Gradle project', /plugins|apply|dependencies/)];

  const up = place.has('gradlew') ? null : findAbove(place, 'gradlew', () => true);
  const wrapper = place.has('gradlew') ? './gradlew' : up === null ? null : `${up}/gradlew`;
  if (wrapper !== null) evidence.push(place.evidence('brings its own Gradle', wrapper.replace(/^\.\//, ''), /./));
  const gradle = wrapper === null ? 'gradle' : `sh ${wrapper}`;
  const [marker, found] = FRAMEWORKS.find(([each]) => text.includes(each)) ?? [null, null];
  const boot = has(/org\.springframework\.boot/);
  const framework = found ?? null;
  if (marker !== null) evidence.push(say(`depends on ${marker}`, marker));
  const name = readName(place, settings) ?? (place.path === '.' ? null : place.path.split('/').at(-1)!);
  const main = findMain(sources);
  const listens = findListening(sources);
  const java =
    /(?:languageVersion[^\n]{0,80}?of\(|jvmToolchain\s*\(?\s*|sourceCompatibility\s*=?\s*(?:JavaVersion\.VERSION_)?['"]?)(?:1[._](?=\d))?(\d+)/.exec(
      text,
    );
  const shared = {
    language:
      main?.found.file.endsWith('.kt') === true || has(/kotlin\("jvm"\)|org\.jetbrains\.kotlin/) ? 'kotlin' : 'java',
    packageManager: 'gradle',
    versions:
      java === null
        ? {}
        : { java: { want: `>=${java[1]}`, from: place.from(file, java[0].split('\n')[0]!.slice(0, 40)) } },
    writes: ['build', '.gradle'],
    ...(name === null ? {} : { name }),
  };
  const isApplication =
    has(/^[ \t]*(?:id[ \t]*\(?\s*['"]application['"]|application\s*(?:\{|$)|apply plugin:\s*['"]application['"])/m) ||
    has(/io\.ktor\.plugin/);
  const version = /^[ \t]*version[ \t]*=?[ \t]*['"]([^'"]+)['"]/m.exec(text)?.[1] ?? null;
  const jarBase = name === null ? null : version === null ? name : `${name}-${version}`;
  const port = portOf(framework);
  const installed = name === null ? null : `build/install/${word(name)}/bin/${word(name)}`;
  const runs = (): { build: string[]; start: string } => {
    if (boot && jarBase !== null)
      return {
        build: [`${gradle} --no-daemon bootJar`],
        start: `java -jar build/libs/${word(jarBase)}.jar${port.options}`,
      };
    if (boot)
      return {
        build: [`${gradle} --no-daemon classes`],
        start: `SERVER_ADDRESS=127.0.0.1 SERVER_PORT=$PORT ${gradle} --no-daemon bootRun`,
      };
    if (framework === 'quarkus')
      return {
        build: [`${gradle} --no-daemon quarkusBuild`],
        start: `java ${port.properties}-jar build/quarkus-app/quarkus-run.jar`,
      };
    if (isApplication && installed !== null)
      return { build: [`${gradle} --no-daemon installDist`], start: `${port.environment}${installed}` };
    if (isApplication)
      return { build: [`${gradle} --no-daemon classes`], start: `${port.environment}${gradle} --no-daemon run` };
    return {
      build: [`${gradle} --no-daemon assemble`],
      start:
        main === null
          ? `${gradle} --no-daemon run`
          : `java -cp build/classes/java/main:build/classes/kotlin/main ${main.name}`,
    };
  };
  if (main !== null) evidence.push(evidenceAt(place, `the class ${main.name} is run`, main.found));
  if (framework !== null || listens !== null) {
    if (listens !== null) evidence.push(evidenceAt(place, 'starts a server', listens));
    evidence.push(...readPortEnv(place, sources));
    const actuator = text.includes('spring-boot-starter-actuator')
      ? place.from(file, 'spring-boot-starter-actuator')
      : null;
    return makeService(place, {
      ...shared,
      ...describeServer(place, sources, framework, actuator),
      commands: { install: [], ...runs() },
      confidence: framework !== null && name !== null ? 0.85 : 0.65,
      evidence,
    });
  }
  if (main !== null || isApplication) {
    const { build, start } = runs();
    const tool = ['picocli', 'clikt', 'kotlinx-cli', 'commons-cli', 'jcommander'].find((each) => text.includes(each));
    if (tool !== undefined) evidence.push(say(`reads arguments by ${tool}`, tool));
    return makeService(place, {
      ...shared,
      kind: tool === undefined ? 'job' : 'cli',
      commands: { install: [], build, start },
      proof: { how: 'exit', command: tool === undefined ? null : `${start} --help`, paths: [] },
      confidence: 0.6,
      evidence,
    });
  }
  return makeService(place, {
    ...shared,
    kind: 'library',
    commands: { install: [], build: [`${gradle} --no-daemon assemble`], start: null },
    proof: { how: 'exit', command: `${gradle} --no-daemon test`, paths: [] },
    confidence: 0.65,
    evidence,
  });
}

function readName(place: Place, settings: string | null): string | null {
  const text = settings === null ? null : place.read(settings);
  return /^[ \t]*rootProject\.name[ \t]*=[ \t]*['"]([^'"]+)['"]/m.exec(text ?? '')?.[1] ?? null;
}
