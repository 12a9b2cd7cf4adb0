/** A Dockerfile that does in an image what the proven run did. Pure. */

import { quote } from '../../runtime/shell.js';
import type { Proven } from './facts.js';
import { baseOf, othersOf, probeOf } from './images.js';
import { asMain, comment, forAll, layFiles, SECRET, staticFolder } from './shell.js';

/** A value of ENV: only its own quotes, backslashes and dollars mean anything there. */
const envValue = (value: string): string => `"${value.replace(/[\\"$]/g, '\\$&')}"`;
const isOneLine = (value: string): boolean => !/[\r\n]/.test(value);

/** @param isIn what is given comes from somewhere else, e.g. a compose file. */
export function dockerfile(facts: Proven): string {
  const { service, commit, run, path, port, env, unset, services } = facts;
  const base = baseOf(facts, true);
  const served = staticFolder(facts.start);
  const probe = served ? null : probeOf(facts, base.tool);
  const others = othersOf(facts, base);
  const packages = [
    ...facts.systemPackages,
    ...(probe?.needsCurl ? ['curl'] : []),
    ...(facts.tools.python && base.tool !== 'python' ? ['python3', 'python3-venv'] : []),
  ];
  const generated = env.filter(({ how }) => how === 'generate');
  // A line of its own for each, since a shell keeps what it exports for its own command alone.
  const secrets = generated.map(({ name }) => `export ${name}="\${${name}:-${SECRET}}"; `).join('');
  const given = env.filter(({ how }) => how === 'give').map(({ name }) => name);
  const laid = layFiles(facts);
  const shown = (text: string): string => `# ${comment(text)}`;
  const where = path === '.' ? '/app' : `/app/${path}`;
  const lines = [
    '# syntax=docker/dockerfile:1',
    shown(`Brings ${service} up as run ${run} proved it${commit ? ` at ${commit.slice(0, 12)}` : ''}.`),
    shown(
      `Used then: ${
        Object.entries(facts.tools)
          .map(([tool, version]) => `${tool} ${version}`)
          .join(', ') || 'no tools'
      }${services.length > 0 ? `; ${services.map(({ kind, version }) => `${kind}${version ? ` ${version}` : ''}`).join(', ')}` : ''}.`,
    ),
    ...facts.fixes.map((fix) => shown(`Mended: ${fix}.`)),
    ...(given.length > 0 ? [shown(`To be given (docker run -e NAME=…): ${given.join(', ')}.`)] : []),
    ...(unset.length > 0 ? [shown(`Known to it, and not set then: ${unset.join(', ')}.`)] : []),
    `FROM ${base.image}${served ? ' AS build' : ''}`,
    ...(packages.length > 0
      ? [
          `RUN apt-get update && apt-get install -y --no-install-recommends ${[...new Set(packages)].sort().join(' ')} && rm -rf /var/lib/apt/lists/*`,
        ]
      : []),
    ...others.copies.map(({ image, path: from }) => `COPY --from=${image} ${from} ${from}`),
    ...others.commands.map((command) => `RUN ${command}`),
    `WORKDIR ${json(where)}`,
    `COPY . /app`,
    ...(facts.fills.length > 0 ? [`RUN rm -rf ${facts.fills.map(quote).join(' ')}`] : []),
    ...env.flatMap(({ name, how, value }) =>
      how !== 'value' ? [] : isOneLine(value) ? [`ENV ${name}=${envValue(value)}`] : [],
    ),
    ...laid.map((command) => `RUN ${command}`),
    ...[...facts.install, ...facts.build].map((command) => `RUN ${secrets}${command}`),
  ];
  if (served) return `${[...lines, ...nginx(facts, served, where)].join('\n')}\n`;
  const serves = port !== null && facts.proof.how === 'http';
  const several = env.flatMap(({ name, how, value }) =>
    how === 'value' && !isOneLine(value) ? [`export ${name}=${quote(value)}; `] : [],
  );
  const main = asMain(serves ? forAll(facts.start) : facts.start);
  return `${[
    ...lines,
    ...(port === null ? [] : [`ENV PORT=${port} HOST=0.0.0.0`]),
    ...(serves ? [`EXPOSE ${port}`] : []),
    ...(probe
      ? [`HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ${json(['sh', '-c', probe.command])}`]
      : []),
    `CMD ${json(['sh', '-c', `${several.join('')}${secrets}${main}`])}`,
  ].join('\n')}\n`;
}
const json = (value: unknown): string =>
  typeof value === 'string' && /^[\w./-]+$/.test(value) ? value : JSON.stringify(value);

/** What our own static server served is served by nginx, whose templates know the port. */
function nginx(
  { port, proof }: Proven,
  { folder, isSpa }: { folder: string; isSpa: boolean },
  where: string,
): string[] {
  const rest = isSpa ? '/index.html' : '=404';
  const from = folder === '.' ? where : `${where}/${folder.replace(/^\.\//, '').replace(/\/$/, '')}`;
  const conf = `server { listen \${PORT}; root /usr/share/nginx/html; location / { try_files $uri $uri/ ${rest}; } }`;
  return [
    // Served as it is, a checkout would hand out more than its pages.
    ...(from === where ? ['RUN rm -rf .git .github .devcontainer Dockerfile compose.yaml'] : []),
    'FROM nginx:stable-alpine',
    `COPY --from=build ${/\s/.test(from) ? JSON.stringify([from, '/usr/share/nginx/html']) : `${from} /usr/share/nginx/html`}`,
    `RUN mkdir -p /etc/nginx/templates && printf '%s' ${quote(conf)} > /etc/nginx/templates/default.conf.template`,
    `ENV PORT=${port ?? 8080}`,
    `EXPOSE ${port ?? 8080}`,
    `HEALTHCHECK --interval=10s --timeout=5s CMD ${json(['sh', '-c', `wget -q -O /dev/null "http://127.0.0.1:$PORT${proof.path ?? '/'}"`])}`,
  ];
}
