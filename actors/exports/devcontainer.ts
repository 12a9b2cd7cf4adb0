/** A devcontainer.json: the tools that were used, set up as it was; the application is started by whoever works in it. Pure. */

import { quote } from '../../runtime/shell.js';
import type { Proven } from './facts.js';
import { baseOf, othersOf } from './images.js';
import { answersIn, layFiles } from './shell.js';

export function devcontainer(facts: Proven): string {
  const { service, run, path, port, env, unset, services, start, proof, tests } = facts;
  const base = baseOf(facts, false);
  const others = othersOf(facts, base);
  // A development image is not put together: what would be copied from other images is a matter of its features.
  const features = others.copies.flatMap(({ image }) =>
    image.startsWith('node:')
      ? [['ghcr.io/devcontainers/features/node:1', { version: image.slice(5).replace(/-slim$/, '') }] as const]
      : [],
  );
  const packages = [
    ...facts.systemPackages,
    ...(base.tool === null || base.image.startsWith('eclipse-temurin') ? ['git'] : []),
  ];
  const system =
    packages.length === 0
      ? []
      : [`apt-get update && apt-get install -y --no-install-recommends ${[...new Set(packages)].sort().join(' ')}`];
  const sets = [...layFiles(facts), ...facts.install, ...facts.build];
  const within = path === '.' || sets.length === 0 ? [] : [`cd ${quote(path)}`];
  const secrets = [...env.filter(({ how }) => how !== 'value').map(({ name }) => name), ...unset];
  return `${JSON.stringify(
    {
      name: service,
      image: base.image,
      ...(features.length > 0 ? { features: Object.fromEntries(features) } : {}),
      ...(answersIn(facts) ? { forwardPorts: [port] } : {}),
      containerEnv: {
        ...(port === null ? {} : { PORT: String(port) }),
        ...Object.fromEntries(env.flatMap(({ name, how, value }) => (how === 'value' ? [[name, value]] : []))),
      },
      ...(secrets.length > 0
        ? {
            secrets: Object.fromEntries(
              secrets.map((name) => [name, { description: `${service} reads it; it was not exported` }]),
            ),
          }
        : {}),
      ...(system.length + others.commands.length > 0
        ? { onCreateCommand: [...system, ...others.commands].join(' && ') }
        : {}),
      ...(sets.length > 0 ? { postCreateCommand: [...within, ...sets].join(' && ') } : {}),
      customizations: {
        'repo-runner': { run, start, tests: tests?.command ?? null, proof, needs: services.map(({ kind }) => kind) },
      },
    },
    null,
    2,
  )}\n`;
}
