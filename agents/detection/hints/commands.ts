/** Shell words: argv into a shell string, and what a command that somebody wrote down is for. */

const plain = /^[\w@%+=:,./$!~^-]+$/;
/** One argument as the shell must see it; variables stay open, since the one who wrote the list meant the value. */
export const quote = (word: string): string => {
  if (word !== '' && plain.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
};

/** Programs that only pass signals on, and are not there outside a container. */
const wrappers = /^(?:.*\/)?(?:tini|dumb-init|docker-entrypoint\.sh|docker-php-entrypoint|catatonit)$/;
const shells = /^(?:.*\/)?(?:sh|bash|ash|dash)$/;

/** An exec-form list as one shell string: wrappers left out, `sh -c TEXT` as TEXT. */
export function joinArgv(argv: readonly string[]): string {
  let words = [...argv];
  while (words.length > 0 && wrappers.test(words[0]!)) {
    words = words.slice(1);
    while (words[0]?.startsWith('-')) words = words.slice(1);
  }
  if (words.length >= 3 && shells.test(words[0]!) && /^-[a-z]*c$/.test(words[1]!)) return words[2]!.trim();
  return words.map(quote).join(' ');
}

const managers = '(?:npm|pnpm|yarn|bun)';
const kinds: readonly [RegExp, 'install' | 'build' | 'start' | 'test'][] = [
  [/^(?:npm (?:ci|i|install)|pnpm (?:i|install)|yarn(?: install)?|bun (?:i|install))(?: --?[\w=-]+)*$/, 'install'],
  [/^(?:python3? -m )?pip3? install (?:-r |-e |\.|--requirement )/, 'install'],
  [/^(?:poetry install|uv sync|uv pip install|pipenv (?:install|sync)|pdm (?:install|sync))\b/, 'install'],
  [
    /^(?:bundle(?: install)?|composer install|go mod download|cargo fetch|mix deps\.get|dotnet restore|bin\/setup)\b/,
    'install',
  ],
  [new RegExp(`^${managers} run build(?::[\\w-]+)?$|^(?:yarn|pnpm) build$`), 'build'],
  [
    /^(?:go build|cargo build|dotnet (?:build|publish)|(?:mvn|\.\/mvnw) .*(?:package|install)|(?:gradle|\.\/gradlew) .*(?:build|assemble|bootJar))\b/,
    'build',
  ],
  [new RegExp(`^${managers} (?:run )?(?:start|dev|serve|preview|develop)(?::[\\w-]+)?(?: --.*)?$`), 'start'],
  [
    /^(?:npx |uv run |poetry run |pipenv run |bundle exec )?(?:flask (?:--\S+ (?:\S+ )?)?run|uvicorn|gunicorn|hypercorn|streamlit run|rails s(?:erver)?|rackup|puma|next (?:dev|start)|vite(?: dev| preview)?|nuxt dev|serve)\b/,
    'start',
  ],
  [
    /^(?:uv run |poetry run |pipenv run )?(?:node|python3?|tsx|ts-node|ruby|php) (?!-m (?:venv|pip|pytest|unittest)|-[vVce])\S+/,
    'start',
  ],
  [/^(?:uv run |poetry run |pipenv run )?(?:fastapi (?:dev|run)|python3? -m (?!venv|pip|pytest|unittest)\S+)/, 'start'],
  [
    /^(?:go run|cargo run|deno (?:run|task|serve)|bun (?:run )?\S+\.[jt]s|java -jar|dotnet run|(?:mvn|\.\/mvnw) .*:run|(?:gradle|\.\/gradlew) .*(?:run|bootRun)|php artisan serve|php -S)\b/,
    'start',
  ],
  [/^\.\/(?:start|run|serve|dev)[\w-]*(?:\.sh)?$/, 'start'],
  [/^(?:make|just|task) (?:run|start|serve|server|dev|up)$/, 'start'],
  [/^(?:make|just|task) (?:install|setup|deps|bootstrap)$/, 'install'],
  [/^(?:make|just|task) build$/, 'build'],
  [
    new RegExp(
      `^${managers} (?:run )?test$|^(?:pytest|go test|cargo test|make test|(?:python3? -m )(?:pytest|unittest))\\b`,
    ),
    'test',
  ],
];

/** What a command is for, null when it is none of the usual ones. `FOO=bar` before it is passed over. */
export function roleOf(command: string): 'install' | 'build' | 'start' | 'test' | null {
  const bare = command
    .trim()
    .slice(0, 500)
    .replace(/^(?:[A-Z_][A-Z0-9_]*=\S*\s+)+/, '');
  return kinds.find(([pattern]) => pattern.test(bare))?.[1] ?? null;
}

/** What a task of this name does in a Makefile, justfile or Taskfile. */
export function roleOfTask(name: string): 'install' | 'build' | 'start' | 'test' | null {
  if (/^(?:run|start|serve|server|dev)$/.test(name)) return 'start';
  if (/^(?:install|setup|deps|bootstrap)$/.test(name)) return 'install';
  if (name === 'build') return 'build';
  return name === 'test' ? 'test' : null;
}

/** The port a command line itself sets: `--port 8000`, `-p 3000`, `--bind 0.0.0.0:8000`, `PORT=3000 …`, `-S host:8000`. */
export function portIn(command: string): number | null {
  const hit =
    /(?:^|\s)(?:--port|--server\.port|--server-port|--http-port|-Dserver\.port)[= ](\d{2,5})\b/.exec(command) ??
    /(?:^|\s)(?:-b|--bind|-S|--listen|--host)[= ]?\S*?:(\d{2,5})\b/.exec(command) ??
    /(?:^|\s)-[pPl][= ]?(\d{2,5})\b/.exec(command) ??
    /(?:^|\s)runserver\s+(?:\S*:)?(\d{2,5})\b/.exec(command) ??
    /(?:^|\s)http\.server\s+(\d{2,5})\b/.exec(command) ??
    /(?:^|\s)PORT=(\d{2,5})\b/.exec(command) ??
    /\$\{PORT:-(\d{2,5})\}/.exec(command);
  return hit === null ? null : Number(hit[1]);
}
