/** A compose file: the image of the Dockerfile, the servers that were used, ports, health checks. Pure. */

import { dockerfile } from './dockerfile.js';
import type { Proven } from './facts.js';
import { addressesOf, serversOf } from './servers.js';
import { answersIn } from './shell.js';
import { yamlOf } from './yaml.js';

/** Compose fills in dollars wherever they stand. */
const plain = (text: string): string => text.replaceAll('$', '$$$$');
const asked = (name: string): string => `\${${name}:?give ${name}, e.g. in a file .env}`;

export function compose(facts: Proven): string {
  const { port, env } = facts;
  const servers = serversOf(facts, asked);
  const addresses = addressesOf(facts, (kind) => kind, asked);
  const variables = Object.fromEntries(
    env.flatMap(({ name, how }) => (how === 'give' ? [[name, addresses[name] ?? asked(name)] as const] : [])),
  );
  const own = nameOf(
    facts.service,
    servers.map(({ name }) => name),
  );
  const file = {
    services: {
      [own]: {
        build: { context: '.', dockerfile_inline: plain(dockerfile(facts)) },
        ...(answersIn(facts) ? { ports: [`${port}:${port}`] } : {}),
        ...(Object.keys(variables).length > 0 ? { environment: variables } : {}),
        ...(servers.length > 0
          ? {
              depends_on: Object.fromEntries(
                servers.map(({ name, ready }) => [
                  name,
                  { condition: ready === null ? 'service_started' : 'service_healthy' },
                ]),
              ),
            }
          : {}),
        restart: facts.proof.how === 'exit' ? 'no' : 'unless-stopped',
      },
      ...Object.fromEntries(
        servers.map(({ name, image, env: environment, command, ready }) => [
          name,
          {
            image,
            ...(command === null ? {} : { command }),
            ...(Object.keys(environment).length > 0 ? { environment } : {}),
            ...(ready === null
              ? {}
              : { healthcheck: { test: ['CMD-SHELL', plain(ready)], interval: '5s', timeout: '5s', retries: 20 } }),
          },
        ]),
      ),
    },
  };
  return yamlOf(file);
}
/** As compose takes it, and as no server is called. */
function nameOf(service: string, taken: readonly string[]): string {
  const name =
    service
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, '-')
      .replace(/^[-_]+|[-_]+$/g, '') || 'app';
  return taken.includes(name) ? `${name}-app` : name;
}
