/** The recipe of a proven run: what was really done, as data and as a shell script that needs nothing of ours. */

import type { Tool } from '../agents/dependency/contract.js';
import type { Service } from '../agents/detection/contract.js';
import { GENERATE, type Overlay } from '../agents/fixer/contract.js';
import { quote } from '../runtime/shell.js';
import type { Scope } from '../runtime/workflow.js';

export interface Recipe {
  format: 1;
  repository: string;
  commit: string | null;
  service: string;
  /** POSIX path from the repository's root. */
  path: string;
  kind: string;
  /** Versions really used. */
  tools: Record<string, string>;
  /** Debian's packages that the commands need and the machine lacked. */
  packages: string[];
  install: string[];
  build: string[];
  start: string;
  /** Files laid into the copy, from the repository's root; `NAME=$generate` is a line with a secret to be generated. */
  files: { path: string; text: string }[];
  /** null: to be generated (an own secret). */
  env: Record<string, string | null>;
  /** Variables whose values were given, and are not told: names alone. */
  given: string[];
  port: number | null;
  proof: { how: string; path: string | null; status: number | null; title: string | null };
}

/** @param scope of the run, after its proof. */
export function recipeOf(scope: Scope): Recipe {
  const service = scope.service as Service;
  const packages = scope.packages as string[];
  const overlay = scope.overlay as Overlay;
  const { set } = (scope.config ?? { set: [] }) as { set: { name: string; origin: string }[] };
  const { proof } = scope.prove as { proof: { path: string | null; status: number | null; title: string | null } };
  const { sockets, inner } = scope.start as { sockets: { port: number }[]; inner?: number | null };
  const defaults = new Map(service.env.map(({ name, default: value }) => [name, value]));
  const env: Record<string, string | null> = {};
  const given: string[] = [];
  for (const { name, origin } of set) {
    if (origin === 'given' && !(name in overlay.env)) {
      given.push(name); // the user's own values stay with the user
      continue;
    }
    env[name] = origin === 'generated' ? null : (defaults.get(name) ?? null);
  }
  return {
    format: 1,
    repository: String((scope.job as { source: string }).source),
    commit: (scope.fetch as { commit: string | null }).commit,
    service: service.name,
    path: service.path,
    kind: service.kind,
    tools: Object.fromEntries(
      (scope.toolchain as { tools: Tool[] }).tools.flatMap(({ tool, version }) =>
        packages.includes(tool) ? [] : [[tool, version]],
      ),
    ),
    packages,
    install: scope.install as string[],
    build: scope.buildCommands as string[],
    start: scope.startCommand as string,
    files: scope.files as { path: string; text: string }[],
    env: {
      ...env,
      ...Object.fromEntries(
        Object.entries(overlay.env).map(([name, value]) => [name, value === GENERATE ? null : value]),
      ),
    },
    given,
    port: inner ?? sockets[0]?.port ?? (scope.port as { port: number } | undefined)?.port ?? null,
    proof: { how: service.proof.how, path: proof.path, status: proof.status, title: proof.title },
  };
}

/** A file's text as one word for the shell: a secret that is asked for is made as the script runs. */
const textOf = (text: string): string =>
  text
    .split(/(?<==)\$generate(?=\r?(?:\n|$))/)
    .map(quote)
    .join('"$(secret)"');

/** A POSIX shell script: `sh recipe.sh [FOLDER]` sets the repository in FOLDER (default: here) up and runs it in the foreground. */
export function scriptOf(recipe: Omit<Recipe, 'format'>): string {
  const steps = [...recipe.install, ...recipe.build].map((command) => `( ${command} )`);
  const serves = /(^|\s)rr-static\s/.test(recipe.start);
  const generates =
    Object.values(recipe.env).includes(null) || recipe.files.some(({ text }) => text.includes(`=${GENERATE}`));
  const plain = !serves && !/[;&|]/.test(recipe.start) && !/^\w+=/.test(recipe.start);
  return `${[
    '#!/bin/sh',
    `# Brings ${recipe.service.replaceAll(/[^\w./@-]/g, '-')} up as it was proven${recipe.commit ? ` at ${recipe.commit.slice(0, 12)}` : ''}.`,
    `# Used then: ${
      Object.entries(recipe.tools)
        .map(([tool, version]) => `${tool} ${version}`)
        .join(', ') || 'no tools'
    }.`,
    ...(recipe.packages.length > 0 ? [`# Debian's packages that it needs: ${recipe.packages.join(' ')}`] : []),
    '# Usage: sh recipe.sh [FOLDER]   (PORT=N to choose the port)',
    'set -eu',
    `cd "\${1:-.}"${recipe.path === '.' ? '' : `/${quote(recipe.path)}`}`,
    ...(recipe.port === null ? [] : [`export PORT="\${PORT:-${recipe.port}}" HOST="\${HOST:-127.0.0.1}"`]),
    ...(generates ? ["secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \\n'; }"] : []),
    ...recipe.given.map((name) => `export ${name}="\${${name}:?give it: the run had a value of its own}"`),
    ...Object.entries(recipe.env).map(([name, value]) =>
      value === null ? `export ${name}="\${${name}:-$(secret)}"` : `export ${name}=${quote(value)}`,
    ),
    ...recipe.files.map(
      ({ path, text }) =>
        `printf '%s' ${textOf(text)} > ${quote(recipe.path === '.' ? path : path.slice(recipe.path.length + 1))}`,
    ),
    ...(serves ? ['rr_static() { exec python3 -m http.server "$PORT" --bind "$HOST" --directory "$1"; }'] : []),
    ...steps,
    plain ? `exec ${recipe.start}` : recipe.start.replace(/(^|\s)rr-static\s/, '$1rr_static '),
  ].join('\n')}\n`;
}
