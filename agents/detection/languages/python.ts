/** Python: what serves, works, is a tool or a library; found in manifests and in the syntax, never by running anything. */
import type { Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { type App, findApps } from './python/apps.js';
import { detectDjango } from './python/django.js';
import { readEnv, readPorts, readRoutes } from './python/facts.js';
import { detectLaunched, detectServing } from './python/launched.js';
import type { Declared } from './python/manifest.js';
import { detectLibrary, detectNotebook, detectScript, detectTool, detectWorker } from './python/programs.js';
import { type Project, readProject } from './python/project.js';
import { serve } from './python/serve.js';

/** Dependency → the service it is a client of. */
const CLIENTS: Readonly<Record<string, string>> = {
  psycopg: 'postgres',
  psycopg2: 'postgres',
  'psycopg2-binary': 'postgres',
  asyncpg: 'postgres',
  pymysql: 'mysql',
  mysqlclient: 'mysql',
  aiomysql: 'mysql',
  'mysql-connector-python': 'mysql',
  pymongo: 'mongodb',
  motor: 'mongodb',
  mongoengine: 'mongodb',
  redis: 'redis',
  aioredis: 'redis',
  'django-redis': 'redis',
  pika: 'rabbitmq',
  'aio-pika': 'rabbitmq',
  elasticsearch: 'elasticsearch',
  'kafka-python': 'kafka',
  aiokafka: 'kafka',
};
const HEALTH = /^\/(api\/)?(v\d+\/)?(health|healthz|healthcheck|health-check|livez|readyz|ready|ping|status|up)\/?$/;

export const detectPython: Detector = (place) => {
  const project = readProject(place);
  if (project === null) return null;
  const found =
    detectDjango(project) ??
    detectWeb(project) ??
    detectWorker(project) ??
    detectTool(project) ??
    detectLibrary(project) ??
    detectScript(project) ??
    detectNotebook(project);
  return found === null ? null : complete(project, found);
};

/** The app objects, and the files that a launcher of their framework runs (Streamlit). The better place wins. */
function detectWeb(project: Project): Service | null {
  const { place, modules, files, declared } = project;
  const names = new Set(
    [...declared.dependencies.keys()].map((name) => (name === 'python-fasthtml' ? 'fasthtml' : name)),
  );
  const apps = findApps(modules, files, names);
  const launched = detectLaunched(project);
  const [best] = apps;
  if (best === undefined || best.score < -8) return launched ?? detectServing(project);
  // A Streamlit page that imports the API's object is still a page; an API beside a page is what the page calls.
  if (launched !== null && !['main.py', 'app.py', 'server.py'].includes(best.module.file.split('/').at(-1)!))
    return launched;
  return describeApp(place, best, apps, project);
}

function describeApp(place: Place, app: App, apps: readonly App[], project: Project): Service {
  const { declared, modules } = project;
  const serving = serve(app, declared);
  const framework = app.framework === 'falcon-asgi' ? 'falcon' : app.framework;
  const cite = (file: string) => (line: number) => `${place.full(file)}:${line}`;
  const at = (claim: string, line: number | null) => ({ claim, file: place.full(app.module.file), line });
  const what = app.factory ? `${app.name}() makes a ${framework} app` : `${app.name} is a ${framework} app`;
  const evidence = [at(what, app.line), ...serving.reasons.map(({ claim, line }) => at(claim, line))];
  if (serving.undeclared !== null && serving.undeclared !== framework)
    evidence.push(at(`${serving.undeclared} is needed to start it and not declared`, app.line));
  const others = apps.filter(
    (other) => other !== app && other.module !== app.module && !other.factory && !other.hidden,
  );
  for (const other of others.slice(0, 3))
    evidence.push({
      claim: `${other.name} is a ${other.framework} app too`,
      file: place.full(other.module.file),
      line: other.line,
    });

  // Routes hang on the object in whichever file made or imported it.
  const receivers = new Set([app.name, ...apps.map(({ name }) => name)]);
  const routes = [...modules.values()].flatMap((module) =>
    readRoutes(module, receivers).map(({ path, line }) => ({ path, from: cite(module.file)(line) })),
  );
  const rank = ({ path }: { path: string }): number => (HEALTH.test(path) ? 0 : path === '/' ? 1 : 2);
  const sorted = routes
    .filter(({ path }, index) => routes.findIndex((each) => each.path === path) === index)
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, 5);
  const offered = serving.paths.map((path) => ({ path, from: cite(app.module.file)(app.line) }));
  return makeService(place, {
    kind: 'web-service',
    language: 'python',
    framework,
    commands: { install: declared.install, build: [], start: serving.start },
    ports: readPorts(app.module, cite(app.module.file)),
    proof: { how: 'http', command: null, paths: [...sorted, ...offered] },
    confidence: confidenceOf(app, declared),
    evidence,
  });
}

function confidenceOf(app: App, declared: Declared): number {
  const name = app.framework.replace('-asgi', '');
  const isDeclared =
    declared.dependencies.has(name) || (name === 'fasthtml' && declared.dependencies.has('python-fasthtml'));
  const percent = (isDeclared ? 95 : 75) - (app.factory ? 5 : 0) - (app.hidden ? 15 : 0);
  return percent / 100;
}

/** What holds for every kind: packages, version, environment, needs. */
function complete({ place, declared, modules, own, isLoose }: Project, service: Service): Service {
  const evidence = [...service.evidence, ...declared.evidence];
  if (declared.packageManager === null && service.framework !== null && service.kind !== 'notebook')
    evidence.push({
      claim: `${service.framework} is imported but no manifest declares it`,
      file: service.evidence[0]!.file,
      line: service.evidence[0]!.line,
    });
  const env = new Map<string, Service['env'][number]>();
  // A tool's or library's variables are its callers' business.
  if (service.kind !== 'library' && service.kind !== 'cli') {
    for (const module of modules.values())
      for (const each of readEnv(module, (line) => `${place.full(module.file)}:${line}`)) {
        const known = env.get(each.name);
        if (known === undefined || (each.required && !known.required)) env.set(each.name, each);
      }
  }
  const needs = new Set(service.needs);
  if (service.kind === 'web-service' || service.kind === 'worker') {
    for (const [name, from] of declared.dependencies) {
      const need = Object.hasOwn(CLIENTS, name) ? CLIENTS[name]! : null;
      if (need === null || needs.has(need) || service.framework === 'django') continue;
      needs.add(need);
      const [file = from, line] = from.split(/:(?=\d+$)/);
      evidence.push({ claim: `${name} is a client of ${need}`, file, line: line === undefined ? null : Number(line) });
    }
  }
  const installs = service.commands.install.length > 0 ? declared.writes : ['__pycache__'];
  return {
    ...service,
    name: declared.name !== null && own ? declared.name : service.name,
    packageManager: service.packageManager ?? declared.packageManager,
    versions: declared.version === null ? service.versions : { ...service.versions, python: declared.version },
    env: [...env.values()],
    needs: [...needs],
    writes: [...new Set([...installs, ...service.writes])],
    confidence: isLoose ? Math.min(service.confidence, 0.65) : service.confidence,
    evidence,
  };
}
