/** A workflow of GitHub Actions: the same tools, servers and commands, and the same proof. Pure. */

import { quote } from '../../runtime/shell.js';
import type { Proven } from './facts.js';
import { addressesOf, type Server, serversOf } from './servers.js';
import { answersIn, layFiles, part, staticFolder } from './shell.js';
import { yamlOf } from './yaml.js';

type Step = {
  name?: string;
  uses?: string;
  with?: Record<string, string>;
  run?: string;
  env?: Record<string, string>;
};
const setups: Readonly<Record<string, (version: string) => Step>> = {
  node: (version) => ({ uses: 'actions/setup-node@v4', with: { 'node-version': part(version, 3) } }),
  python: (version) => ({ uses: 'actions/setup-python@v5', with: { 'python-version': part(version, 3) } }),
  go: (version) => ({ uses: 'actions/setup-go@v5', with: { 'go-version': part(version, 3) } }),
  java: (version) => ({
    uses: 'actions/setup-java@v4',
    with: { distribution: 'temurin', 'java-version': part(version, 1) },
  }),
  dotnet: (version) => ({ uses: 'actions/setup-dotnet@v4', with: { 'dotnet-version': part(version, 3) } }),
  ruby: (version) => ({ uses: 'ruby/setup-ruby@v1', with: { 'ruby-version': part(version, 3) } }),
  php: (version) => ({ uses: 'shivammathur/setup-php@v2', with: { 'php-version': part(version, 2) } }),
  deno: (version) => ({ uses: 'denoland/setup-deno@v2', with: { 'deno-version': part(version, 3) } }),
  bun: (version) => ({ uses: 'oven-sh/setup-bun@v2', with: { 'bun-version': part(version, 3) } }),
  rust: (version) => ({
    name: 'Rust',
    run: `rustup toolchain install ${part(version, 3)} --profile minimal && rustup default ${part(version, 3)}`,
  }),
  pnpm: (version) => ({ name: 'pnpm', run: `npm install -g pnpm@${part(version, 3)}` }),
  yarn: (version) => ({ name: 'Yarn', run: `npm install -g --force yarn@${part(version, 3)}` }),
  uv: (version) => ({ name: 'uv', run: `pip install uv==${part(version, 3)}` }),
  poetry: (version) => ({ name: 'Poetry', run: `pip install poetry==${part(version, 3)}` }),
  pdm: (version) => ({ name: 'PDM', run: `pip install pdm==${part(version, 3)}` }),
  pipenv: (version) => ({ name: 'Pipenv', run: `pip install pipenv==${part(version, 3)}` }),
};
/** An expression in what is meant as text would be filled in. */
const plain = (text: string): string => text.replaceAll(`\${{`, `\${{ '\${{' }}`);
const secret = (name: string): string => `\${{ secrets.${name} }}`;

export function githubActions(facts: Proven): string {
  const { env, port, path, proof, tests, commit, run } = facts;
  const all = serversOf(facts, secret);
  const servers = all.filter(({ command }) => command === null);
  const addresses = addressesOf(facts, () => '127.0.0.1', secret);
  const generated = env.filter(({ how }) => how === 'generate').map(({ name }) => name);
  const variables = {
    ...(port === null ? {} : { PORT: String(port), HOST: '127.0.0.1' }),
    ...Object.fromEntries(
      env.flatMap(({ name, how, value }) =>
        how === 'value' ? [[name, plain(value)]] : how === 'give' ? [[name, addresses[name] ?? secret(name)]] : [],
      ),
    ),
  };
  const steps: Step[] = [
    { uses: 'actions/checkout@v4' },
    ...Object.entries(facts.tools).flatMap(([tool, version]) => setups[tool]?.(version) ?? []),
    ...(facts.systemPackages.length > 0
      ? [
          {
            name: 'System packages',
            run: `sudo apt-get update && sudo apt-get install -y ${facts.systemPackages.join(' ')}`,
          },
        ]
      : []),
    ...(generated.length > 0
      ? [
          {
            name: 'Secrets of its own, made for this job',
            run: generated.map((name) => `echo "${name}=$(openssl rand -hex 32)" >> "$GITHUB_ENV"`).join('\n'),
          },
        ]
      : []),
    // What is a service of a job cannot be given a command.
    ...all.flatMap((server) => (server.command === null ? [] : [startServer(server, server.command)])),
    ...some('Files that a repair laid', layFiles(facts)),
    ...some('Install', facts.install),
    ...some('Build', facts.build),
    ...(answersIn(facts)
      ? [{ name: 'Start, until it answers', run: plain(startOf(facts)) }]
      : proof.how === 'exit'
        ? some('Run', [facts.start])
        : []),
    // Where the tests were the proof they have just been run.
    ...(tests && tests.command !== facts.start ? some('Test', [...tests.install, tests.command]) : []),
  ];
  const file = {
    name: facts.service,
    on: { push: {}, pull_request: {} },
    permissions: { contents: 'read' },
    jobs: {
      proof: {
        'runs-on': 'ubuntu-latest',
        'timeout-minutes': 30,
        ...(path === '.' ? {} : { defaults: { run: { 'working-directory': path } } }),
        ...(servers.length > 0
          ? {
              services: Object.fromEntries(
                servers.map(({ name, image, port: number, env: environment, ready }) => [
                  name,
                  {
                    image,
                    ...(Object.keys(environment).length > 0 ? { env: environment } : {}),
                    ports: [`${number}:${number}`],
                    ...(ready === null
                      ? {}
                      : {
                          options: `--health-cmd "${ready}" --health-interval 5s --health-timeout 5s --health-retries 20`,
                        }),
                  },
                ]),
              ),
            }
          : {}),
        ...(Object.keys(variables).length > 0 ? { env: variables } : {}),
        steps,
      },
    },
  };
  const head = ` ${facts.service.replaceAll(/[^\x20-\x7e]+/g, ' ')} as run ${run} proved it${commit ? ` at ${commit.slice(0, 12)}` : ''}.\n`;
  return `#${head}${yamlOf(file)}`;
}
/** Values go by the environment: a secret has no place in a command. */
const startServer = ({ name, image, port, env }: Server, command: string): Step => ({
  name: `Start ${name}`,
  run: `docker run -d -p ${port}:${port} ${Object.keys(env)
    .map((one) => `-e ${one} `)
    .join('')}${image} ${command}`,
  env,
});
const some = (name: string, commands: readonly string[]): Step[] =>
  commands.length === 0 ? [] : [{ name, run: commands.map(plain).join('\n') }];

/** Starts it behind this step's back and waits for its answer; its log is shown when none comes. */
function startOf({ start, proof, port }: Proven): string {
  const served = staticFolder(start);
  const command = served ? `python3 -m http.server "$PORT" --bind "$HOST" --directory ${quote(served.folder)}` : start;
  const url = `http://127.0.0.1:${port}${proof.path ?? '/'}`;
  return [
    `nohup sh -c ${quote(command)} > "$RUNNER_TEMP/app.log" 2>&1 &`,
    'for n in $(seq 60); do',
    `  curl ${(proof.status ?? 200) < 400 ? '-fsS' : '-sS'} -o /dev/null ${quote(url)} && exit 0`,
    '  sleep 1',
    'done',
    'cat "$RUNNER_TEMP/app.log"',
    'exit 1',
  ].join('\n');
}
