/** The official image that holds the tools of a proven run, and how the others get into it. Pure. */
import type { Proven } from './facts.js';
import { part } from './shell.js';

export interface Base {
  /** The tool it holds; null: none was used. */
  tool: string | null;
  image: string;
  /** Built on Debian, with apt. */
  hasApt: boolean;
}
type Find = (version: string, tools: Proven['tools'], slim: boolean) => string;
const slim = (image: string, version: string, isSlim: boolean): string =>
  `${image}:${part(version, 3)}${isSlim ? '-slim' : ''}`;
/** In the order in which they win: the tool that is hardest to add to another image first. */
const images: readonly [tool: string, find: Find, hasApt: boolean][] = [
  [
    'java',
    (version, tools) => {
      const jdk = part(version, 1) === '1' ? '8' : part(version, 1);
      if (tools.maven) return `maven:${part(tools.maven, 3)}-eclipse-temurin-${jdk}`;
      return tools.gradle ? `gradle:${part(tools.gradle, 3)}-jdk${jdk}` : `eclipse-temurin:${jdk}-jdk`;
    },
    true,
  ],
  ['dotnet', (version) => `mcr.microsoft.com/dotnet/sdk:${part(version, 2)}`, true],
  ['php', (version) => `php:${part(version, 3)}-cli`, true],
  ['ruby', (version, _, isSlim) => slim('ruby', version, isSlim), true],
  ['go', (version) => `golang:${part(version, 3)}`, true],
  ['rust', (version, _, isSlim) => slim('rust', version, isSlim), true],
  ['swift', (version) => `swift:${part(version, 3)}`, true],
  ['ghc', (version) => `haskell:${part(version, 3)}`, true],
  ['elixir', (version) => `elixir:${part(version, 3)}`, true],
  ['erlang', (version) => `erlang:${part(version, 1)}`, true],
  ['crystal', (version) => `crystallang/crystal:${part(version, 3)}`, true],
  ['dart', (version) => `dart:${part(version, 3)}`, true],
  ['python', (version, _, isSlim) => slim('python', version, isSlim), true],
  ['deno', (version) => `denoland/deno:${part(version, 3)}`, true],
  ['node', (version, _, isSlim) => slim('node', version, isSlim), true],
  ['bun', (version) => `oven/bun:${part(version, 3)}`, true],
];

/** @param isSlim without compilers and git. */
export function baseOf({ tools }: Proven, isSlim: boolean): Base {
  for (const [tool, find, hasApt] of images)
    if (tools[tool] !== undefined) return { tool, image: find(tools[tool], tools, isSlim), hasApt };
  return { tool: null, image: 'debian:stable-slim', hasApt: true };
}

const byNpm = ['pnpm', 'yarn', 'bun'];
const byPip = ['uv', 'poetry', 'pdm', 'pipenv'];
/** Shell commands that add the other tools; `copies` are lines `image path` of what is copied from other images. */
export function othersOf(
  { tools }: Proven,
  base: Base,
): { commands: string[]; copies: { image: string; path: string }[] } {
  const commands: string[] = [];
  const copies: { image: string; path: string }[] = [];
  const has = (tool: string): boolean => tools[tool] !== undefined;
  if (has('node') && base.tool !== 'node')
    copies.push({ image: `node:${part(tools.node!, 3)}-slim`, path: '/usr/local' });
  if (has('composer')) copies.push({ image: `composer:${part(tools.composer!, 3)}`, path: '/usr/bin/composer' });
  const npm = byNpm.filter((tool) => has(tool) && base.tool !== tool);
  if (npm.length > 0 && (base.tool === 'node' || has('node')))
    // The image of Node brings a Yarn of its own.
    commands.push(`npm install -g --force ${npm.map((tool) => `${tool}@${part(tools[tool]!, 3)}`).join(' ')}`);
  const pip = byPip.filter(has);
  if (pip.length > 0 && base.tool === 'python')
    commands.push(`pip install --no-cache-dir ${pip.map((tool) => `${tool}==${part(tools[tool]!, 3)}`).join(' ')}`);
  if (has('bundler') && base.tool === 'ruby') commands.push(`gem install bundler -v ${part(tools.bundler!, 3)}`);
  return { commands, copies };
}

/** A command in the image that says whether the application answers as it did; null: it was not proven by an answer. */
export function probeOf({ proof, port }: Proven, tool: string | null): { command: string; needsCurl: boolean } | null {
  if (proof.how !== 'http' || port === null) return null;
  const path = proof.path ?? '/';
  const url = JSON.stringify(`http://127.0.0.1:${port}${path}`);
  const js = (exit: string): string => `'fetch(${url}).then((r)=>${exit}(r.status<500?0:1),()=>${exit}(1))'`;
  switch (tool) {
    case 'node':
      return { command: `node -e ${js('process.exit')}`, needsCurl: false };
    case 'bun':
      return { command: `bun -e ${js('process.exit')}`, needsCurl: false };
    case 'deno':
      return { command: `deno eval ${js('Deno.exit')}`, needsCurl: false };
    case 'python': {
      const asks = `c=h.HTTPConnection("127.0.0.1",${port},timeout=5);c.request("GET",${JSON.stringify(path)})`;
      return {
        command: `python3 -c 'import http.client as h;${asks};exit(c.getresponse().status>=500)'`,
        needsCurl: false,
      };
    }
    case 'php':
      return {
        command: `php -r '$h=@get_headers(${url}); exit($h && (int)substr($h[0],9,3)<500 ? 0 : 1);'`,
        needsCurl: false,
      };
    case 'ruby':
      return {
        command: `ruby -rnet/http -e 'exit Net::HTTP.get_response(URI(${url})).code.to_i < 500'`,
        needsCurl: false,
      };
    default:
      return {
        command: `code=$(curl -s -o /dev/null -w '%{http_code}' ${url}) && [ "$code" -lt 500 ]`,
        needsCurl: true,
      };
  }
}
