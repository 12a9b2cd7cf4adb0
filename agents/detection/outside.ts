/**
 * Commands that somebody wrote for a container or a platform, made to run in a plain checkout: is the program one of
 * the service's language, are its files there (or built), does it take our port? What only an image has is refused.
 */

import type { Service } from './contract.js';
import { isOutput, readScript, readScripts } from './languages/node/scripts.js';
import type { Place } from './place.js';

export interface Outside {
  /** As it runs here; null when it cannot. */
  command: string | null;
  /** Why not, or what was changed; null: as written. */
  why: string | null;
  /** Restarts on change, debugs: not what production runs. */
  develops: boolean;
}

const FAMILIES: readonly [family: string, programs: RegExp][] = [
  [
    'node',
    /^(?:node|npm|npx|pnpm|pnpx|yarn|bun|bunx|tsx|ts-node|nodemon|next|nuxt|vite|nest|serve|http-server|pm2|pm2-runtime|gatsby|remix-serve|react-router-serve|astro)$/,
  ],
  [
    'python',
    /^(?:python|python3(?:\.\d+)?|gunicorn|uvicorn|hypercorn|daphne|flask|django-admin|streamlit|gradio|fastapi|celery|waitress-serve|poetry|uv|pipenv|pdm|jupyter|jupyter-lab|granian|chainlit)$/,
  ],
  ['ruby', /^(?:ruby|bundle|rails|rake|rackup|puma|unicorn|thin|sidekiq|jekyll|bin\/rails|bin\/rake)$/],
  ['php', /^(?:php|artisan|composer|symfony|frankenphp)$/],
  ['java', /^(?:java|mvn|mvnw|gradle|gradlew)$/],
  ['go', /^(?:go|air)$/],
  ['rust', /^(?:cargo)$/],
  ['dotnet', /^(?:dotnet)$/],
  ['deno', /^(?:deno)$/],
  ['elixir', /^(?:mix|elixir|iex)$/],
  ['gleam', /^gleam$/],
  ['swift', /^swift$/],
  ['zig', /^zig$/],
  ['crystal', /^(?:crystal|shards)$/],
  ['dart', /^(?:dart|flutter|dart_frog)$/],
  ['haskell', /^(?:stack|cabal|runghc|runhaskell)$/],
  ['scala', /^(?:sbt|scala|scala-cli)$/],
  ['clojure', /^(?:clojure|clj|lein)$/],
];
/** Only in an image, or not an application. */
const IMAGE_ONLY =
  /^(?:nginx|httpd|httpd-foreground|apache2-foreground|apachectl|caddy|php-fpm\S*|supervisord|s6-\S+|docker|docker-compose|podman|kubectl|systemctl|service|traefik|tail|sleep|foreman|heroku|honcho|overmind|vercel|netlify|envsubst|tini|gosu|su-exec)$/;
const RUNNERS = /^(?:poetry run|uv run(?: --\S+)*|pipenv run|pdm run)\s+/;
const CONSOLE =
  /^(?:gunicorn|uvicorn|hypercorn|daphne|flask|django-admin|streamlit|fastapi|celery|waitress-serve|granian|chainlit|jupyter|jupyter-lab)$/;

/** Which language's program a command starts; null where it could be any. */
export function familyOf(command: string): string | null {
  const program = firstWord(command);
  return FAMILIES.find(([, programs]) => programs.test(program))?.[0] ?? null;
}
const sameFamily = (family: string, language: string): boolean =>
  family === language || (family === 'node' && language === 'bun') || (family === 'java' && language === 'kotlin');

export function bringOutside(raw: string, place: Place, service: Service | null): Outside {
  const no = (why: string): Outside => ({ command: null, why, develops: false });
  let command = raw.trim().replace(/^exec\s+/, '');
  if (command === '' || command.length > 500 || command.includes('\n')) return no('it is more than one command');
  const parts = command.split(/\s*(?:&&|;)\s*/);
  for (const part of parts) {
    const program = firstWord(part);
    if (IMAGE_ONLY.test(program)) return no(`${program} is of the image or the platform`);
    const missing = findMissing(part, place, service);
    if (missing !== null) return no(missing);
  }
  const last = parts.at(-1)!;
  const family = familyOf(last);
  if (service !== null && family !== null && !sameFamily(family, service.language))
    return no(`it is a command of ${family}, not of ${service.language}`);
  if (family === 'python' && service !== null) command = parts.map((part) => intoVenv(part, service)).join(' && ');
  command = handOverPort(command);
  const script = readScript('', last, scriptTable(place), place);
  const develops =
    script.develops ||
    /(?:^|\s)(?:--reload|--watch|--hot|--debug)\b|\bnodemon\b|\bmanage\.py runserver\b|\b(?:npm|pnpm|yarn|bun)(?: run)? (?:dev|watch|develop)\b/.test(
      last,
    );
  return { command, why: command === raw.trim() ? null : `written as \`${raw.trim()}\``, develops };
}

const scriptTable = (place: Place): Record<string, string> =>
  place.has('package.json') ? Object.fromEntries([...readScripts(place)].map(([name, { text }]) => [name, text])) : {};

function firstWord(command: string): string {
  const bare = command
    .trim()
    .replace(/^(?:[A-Za-z_]\w*=\S*\s+)+/, '')
    .replace(RUNNERS, '');
  const word = bare.split(/\s+/)[0] ?? '';
  return /^\/?(?:usr\/)?(?:local\/)?bin\//.test(word)
    ? word.slice(word.lastIndexOf('/') + 1)
    : word.replace(/^\.\//, '');
}

/** Names the first thing that a command needs and that is not there. */
function findMissing(command: string, place: Place, service: Service | null): string | null {
  const words = command
    .replace(/^(?:[A-Za-z_]\w*=\S*\s+)+/, '')
    .split(/\s+/)
    .map((word) => word.replace(/^['"]|['"]$/g, ''));
  const run = /^(?:npm|pnpm|yarn|bun) (?:run(?:-script)? )?([\w:.-]+)/.exec(words.join(' '));
  if (
    run !== null &&
    !/^(?:ci|install|i|exec|dlx|x|workspace|--\S*)$/.test(run[1]!) &&
    !/\.[cm]?[jt]sx?$/.test(run[1]!)
  ) {
    const scripts = readScripts(place);
    if (!scripts.has(run[1]!) && !(run[1] === 'start' && place.has('server.js')))
      return `package.json has no script ${run[1]}`;
    const entry = scripts.get(run[1]!)?.entry ?? null;
    if (entry !== null && !place.has(entry) && !isOutput(entry)) return `${entry} does not exist`;
  }
  for (const [index, word] of words.entries()) {
    if (/^\/(?!dev\/|bin\/|usr\/bin\/|usr\/local\/bin\/(?:node|python|ruby|php))/.test(word))
      return `${word} is a path of the image`;
    if (word.startsWith('-') || /[$*={}()|<>]/.test(word)) continue;
    const isFile = /\.(?:[cm]?[jt]s|py|rb|sh|php|jar|dll|pl|ru)$/.test(word) && !word.includes(':');
    const isProgram = index === 0 && (word.startsWith('./') || (word.includes('/') && !word.startsWith('/')));
    if (!isFile && !isProgram) continue;
    const rel = word.replace(/^\.\//, '');
    const built =
      (service?.commands.build.length ?? 0) > 0 &&
      (isOutput(rel) || (service?.writes ?? []).some((path) => rel === path || rel.startsWith(`${path}/`)));
    if (!place.has(rel) && !built && !/^\.venv\/|^vendor\/bin\/|^node_modules\/|^bin\/(?:rails|rake)$/.test(rel))
      return `${rel} does not exist`;
  }
  return null;
}

/** A service with a virtual environment has its programs there and nowhere else. */
function intoVenv(part: string, service: Service): string {
  const all = [service.commands.start ?? '', ...service.commands.install].join('\n');
  if (!/\.venv\b|\bvenv\b|VIRTUALENV|uv sync|pdm /.test(all))
    return part.replace(/^((?:[A-Za-z_]\w*=\S*\s+)*)python(?=\s)/, '$1python3');
  return part.replace(
    /^((?:[A-Za-z_]\w*=\S*\s+)*)(?:(?:poetry|pipenv|pdm) run\s+|uv run(?:\s+--\S+)*\s+)?(\S+)/,
    (whole, env: string, program: string) => {
      const name = program.replace(/^.*\//, '');
      if (/^python3?(?:\.\d+)?$/.test(name)) return `${env}.venv/bin/python`;
      return CONSOLE.test(name) ? `${env}.venv/bin/${name}` : whole;
    },
  );
}

/** A port written into the command of a server we know becomes the one that is handed over. */
export function handOverPort(command: string): string {
  return command
    .replace(
      /\b(uvicorn|hypercorn|flask|next|vite|astro|rails|rackup|puma|fastapi|waitress-serve|daphne|serve|http-server|ng|nuxt|streamlit)\b([^&;|]*?)(\s(?:--port|--server\.port|-p)[= ]|\s-p)(\d{2,5})\b/g,
      '$1$2$3$$PORT',
    )
    .replace(
      /\b(gunicorn|hypercorn|puma)\b([^&;|]*?\s(?:-b|--bind)[= ]?(?:tcp:\/\/)?[\w.[\]:]*:)(\d{2,5})\b/g,
      '$1$2$$PORT',
    )
    .replace(/(\brunserver\s+(?:[\w.[\]]+:)?)(\d{2,5})\b/g, '$1$$PORT')
    .replace(/(\bphp\b[^&;|]*\s-S\s*[\w.[\]]+:)(\d{2,5})\b/g, '$1$$PORT')
    .replace(/(\bartisan serve\b[^&;|]*?--port[= ])(\d{2,5})\b/g, '$1$$PORT')
    .replace(/(\bhttp\.server\s+)(\d{2,5})\b/g, '$1$$PORT')
    .replace(/(-Dserver\.port=)(\d{2,5})\b/g, '$1$$PORT');
}
