/** What Maven's and Gradle's projects share: frameworks, Spring's port, the class that is run, whether it listens. */
import type { Evidence, Service } from '../../contract.js';
import type { Place } from '../../place.js';
import { at } from '../../values.js';
import { citeAt, type Found, findAll, findFirst, JAVA, openSource, portIn, type Source } from '../source.js';

/** Text that names a dependency → framework. The first that is found counts. */
export const FRAMEWORKS: readonly (readonly [marker: string, name: string])[] = [
  ['spring-boot-starter-web', 'spring-boot'],
  ['spring-boot-starter-webflux', 'spring-boot'],
  ['spring-boot-starter-jetty', 'spring-boot'],
  ['quarkus-', 'quarkus'],
  ['micronaut-http-server', 'micronaut'],
  ['io.ktor', 'ktor'],
  ['ktor-server', 'ktor'],
  ['javalin', 'javalin'],
  ['spark-core', 'spark'],
  ['vertx-web', 'vertx'],
  ['helidon-webserver', 'helidon'],
  ['dropwizard-core', 'dropwizard'],
];
const LISTENS =
  /\b(?:HttpServer\.create|new\s+ServerSocket|embeddedServer|Javalin\.(?:create|start)|SpringApplication\.run|runApplication|createHttpServer|WebServer\.builder|ServerSocket)\s*[(<]/g;
const MOST_FILES = 200;

/** How each framework takes its port: options behind the jar, and environment in front. */
export const portOf = (framework: string | null): { options: string; properties: string; environment: string } => {
  const nothing = { options: '', properties: '', environment: '' };
  if (framework === 'spring-boot') return { ...nothing, options: ' --server.address=127.0.0.1 --server.port=$PORT' };
  if (framework === 'quarkus')
    return { ...nothing, properties: '-Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port=$PORT ' };
  if (framework === 'micronaut')
    return { ...nothing, environment: 'MICRONAUT_SERVER_HOST=127.0.0.1 MICRONAUT_SERVER_PORT=$PORT ' };
  return nothing;
};

export function readSources(place: Place): Source[] {
  const files = place
    .files()
    .filter(
      (file) =>
        /^(?:(?:app|server)\/)?src\/(?:main\/)?(?:java|kotlin|.*\.(?:java|kt)$)/.test(file) || !file.includes('/'),
    );
  const code = files.filter((file) => /\.(java|kt)$/.test(file) && !file.includes('src/test/'));
  return code.slice(0, MOST_FILES).flatMap((file) => openSource(place, file, JAVA) ?? []);
}

export const findListening = (sources: readonly Source[]): Found | null => findFirst(sources, LISTENS);

/** The class with `main`, qualified, as `java` wants it. */
export function findMain(sources: readonly Source[]): { name: string; found: Found } | null {
  for (const source of sources) {
    const [found] = findAll(source, /\bstatic\s+(?:final\s+)?void\s+main\s*\(|^[ \t]*(?:suspend\s+)?fun\s+main\s*\(/gm);
    if (found === undefined) continue;
    const inPackage = /^[ \t]*package[ \t]+([\w.]+)/m.exec(source.code)?.[1];
    const base = source.file
      .split('/')
      .at(-1)!
      .replace(/\.java$/, '')
      .replace(/\.kt$/, 'Kt');
    return { name: inPackage === undefined ? base : `${inPackage}.${base}`, found };
  }
  return null;
}

/** `server.port` of application.properties or application.yml; ports that the code itself names. */
export function readPorts(place: Place, sources: readonly Source[]): Service['ports'] {
  const ports: Service['ports'] = [];
  const add = (number: number | null, from: string): void => {
    if (number !== null && !ports.some((port) => port.number === number)) ports.push({ number, from });
  };
  const folder = 'src/main/resources';
  const text = place.read(`${folder}/application.properties`);
  const written = /^[ \t]*(?:server|quarkus\.http|micronaut\.server)\.port[ \t]*[=:][ \t]*(.+)$/m.exec(text ?? '')?.[1];
  if (written !== undefined) {
    const from = place.from(`${folder}/application.properties`, /^\s*(server|quarkus\.http|micronaut\.server)\.port/);
    add(portIn(written) ?? portIn(/^\$\{\w+:(\d+)\}/.exec(written)?.[1] ?? ''), from);
  }
  for (const file of [`${folder}/application.yml`, `${folder}/application.yaml`]) {
    // Several documents or placeholders may stand in it: what does not parse as one table says nothing here.
    if (!place.has(file) || /^---/m.test(place.read(file) ?? '')) continue;
    const value = at(place.yaml(file), 'server', 'port');
    add(
      portIn(String(value ?? '')) ?? portIn(/^\$\{\w+:(\d+)\}/.exec(String(value))?.[1] ?? ''),
      place.from(file, /^\s*port\s*:/, /^\s*server\s*:/),
    );
  }
  for (const source of sources) {
    for (const found of findAll(
      source,
      /\bnew\s+InetSocketAddress\s*\(\s*(?:"\s*"\s*,\s*)?|\bServerSocket\s*\(\s*|\.start\s*\(\s*|\bport\s*=\s*|\bembeddedServer\s*\(\s*\w+\s*,\s*/g,
    ))
      add(portIn(found.rest), citeAt(place, found));
    for (const found of findAll(source, /\bgetenv\(\)\.getOrDefault\s*\(|\bgetenv\s*\(/g)) {
      const number = /^"PORT"\s*(?:,\s*|\)?\s*\]?\s*\?:\s*|\)[^;]*?)"?(\d{2,5})/.exec(found.rest)?.[1];
      if (number !== undefined) add(portIn(number), citeAt(place, found));
    }
  }
  return ports;
}

export function readPortEnv(place: Place, sources: readonly Source[]): Evidence[] {
  for (const source of sources)
    for (const found of findAll(source, /\bgetenv\(\)\.\w+\s*\(|\bgetenv\s*\(/g))
      if (found.rest.startsWith('"PORT"'))
        return [{ claim: 'reads PORT from the environment', file: place.full(found.file), line: found.line }];
  return [];
}

/** Spring's health page, where the actuator is a dependency; else routes of controllers. */
export function readPaths(
  place: Place,
  sources: readonly Source[],
  actuator: string | null,
): Service['proof']['paths'] {
  const paths: Service['proof']['paths'] = actuator === null ? [] : [{ path: '/actuator/health', from: actuator }];
  for (const source of sources)
    for (const found of findAll(
      source,
      /@(?:GetMapping|Path|Get)\s*\(\s*(?:(?:value|path)\s*=\s*)?|\bcreateContext\s*\(\s*|\bget\s*\(\s*/g,
    )) {
      const path = /^"(\/[\w./-]*)"/.exec(found.rest)?.[1];
      if (path !== undefined && !paths.some((each) => each.path === path))
        paths.push({ path, from: citeAt(place, found) });
    }
  return paths.slice(0, 5);
}

/** Everything web about a project, once its build is known. */
export function describeServer(
  place: Place,
  sources: readonly Source[],
  framework: string | null,
  actuator: string | null,
) {
  return {
    kind: 'web-service' as const,
    framework,
    ports: readPorts(place, sources),
    proof: { how: 'http' as const, command: null, paths: readPaths(place, sources, actuator) },
  };
}
