/** A compose file of ours, read back: what is started of it, in which order, with which values. Pure. */
import { parse } from 'yaml';
import { z } from 'zod';

export interface Part {
  name: string;
  /** The text of its Dockerfile; null: it is somebody's image. */
  build: string | null;
  image: string | null;
  env: Record<string, string>;
  /** Its port that is brought out; null: none is. */
  port: number | null;
  /** Parts that are up before it is begun. */
  after: { name: string; healthy: boolean }[];
  /** A shell command within that says whether it is ready, and how often it is asked. */
  ready: { command: string; everyMs: number; tries: number } | null;
}

const Service = z.strictObject({
  build: z.strictObject({ context: z.literal('.'), dockerfile_inline: z.string() }).optional(),
  image: z.string().min(1).optional(),
  ports: z
    .array(z.string().regex(/^\d+:\d+$/))
    .max(1)
    .optional(),
  environment: z.record(z.string(), z.string()).optional(),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.enum(['service_started', 'service_healthy']) }))
    .optional(),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal('CMD-SHELL'), z.string()]),
      interval: z.string().regex(/^\d+s$/),
      timeout: z.string(),
      retries: z.int(),
    })
    .optional(),
  restart: z.enum(['no', 'unless-stopped']).optional(),
});
const File = z.strictObject({ services: z.record(z.string().regex(/^[a-zA-Z0-9._-]+$/), Service) });

/**
 * @param fillIn what a variable is filled in with. @returns the parts, each behind those it waits for; or what is wrong with
 * the file, a line each.
 */
export function readCompose(text: string, fillIn: (name: string) => string): { parts: Part[] } | { faults: string[] } {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    return { faults: [(error as Error).message] };
  }
  const read = File.safeParse(raw);
  if (!read.success)
    return { faults: read.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`) };
  const faults: string[] = [];
  const { services } = read.data;
  const fill = (value: string): string =>
    value.replace(/\$(\$|\{(\w+):\?[^}]*\}|)/g, (_, what: string, name?: string) => {
      if (what === '$') return '$';
      if (name !== undefined) return fillIn(name);
      faults.push(`a dollar in ${JSON.stringify(value.slice(0, 60))} is filled in by nothing`);
      return '';
    });
  const parts = Object.entries(services).map(([name, one]): Part => {
    for (const other of Object.keys(one.depends_on ?? {}))
      if (services[other] === undefined) faults.push(`${name} waits for ${other}, which is not in the file`);
    if ((one.build === undefined) === (one.image === undefined)) faults.push(`${name} has no image of its own`);
    const { healthcheck: check, ports } = one;
    return {
      name,
      build: one.build === undefined ? null : fill(one.build.dockerfile_inline),
      image: one.image === undefined ? null : fill(one.image),
      env: Object.fromEntries(Object.entries(one.environment ?? {}).map(([key, value]) => [key, fill(value)])),
      port: ports?.[0] === undefined ? null : Number(ports[0].split(':')[1]),
      after: Object.entries(one.depends_on ?? {}).map(([other, { condition }]) => ({
        name: other,
        healthy: condition === 'service_healthy',
      })),
      ready:
        check === undefined
          ? null
          : {
              command: fill(check.test[1]),
              everyMs: Number.parseInt(check.interval, 10) * 1_000,
              tries: check.retries,
            },
    };
  });
  if (faults.length > 0) return { faults };
  const ordered = inOrder(parts);
  return ordered === null ? { faults: ['its services wait for each other in a circle'] } : { parts: ordered };
}

function inOrder(parts: readonly Part[]): Part[] | null {
  const ordered: Part[] = [];
  while (ordered.length < parts.length) {
    const next = parts.find(
      (part) => !ordered.includes(part) && part.after.every(({ name }) => ordered.some((one) => one.name === name)),
    );
    if (next === undefined) return null;
    ordered.push(next);
  }
  return ordered;
}
