/** Whether the npm registry that is configured here answers. Read from where npm reads it; npm itself takes too long to ask. */
import { join } from 'node:path';
import { readText } from './surroundings.js';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Environment before the user's file; null where neither names one: npm's own choice is npm's to know.
 * The repository's own setting is not looked at: it is not ours to reach.
 */
export function findRegistry(env: Env): string | null {
  const named = Object.entries(env).find(([name, value]) => /^npm_config_registry$/i.test(name) && value);
  if (named) return named[1]!;
  const file = env.npm_config_userconfig ?? env.NPM_CONFIG_USERCONFIG ?? join(env.HOME ?? '/', '.npmrc');
  const said = /^\s*registry\s*=\s*["']?([^\s"']+)/m.exec(readText(file))?.[1];
  return said?.replace(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? '') ?? null;
}

/** @returns null when it cannot be known from here: not configured, behind a proxy, or a certificate that npm may be set up to trust. */
export async function isReachable(
  registry: string | null,
  env: Env,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean | null> {
  if (registry === null || !URL.canParse(registry) || !/^https?:/.test(registry)) return null;
  const limit = AbortSignal.timeout(limitMs);
  try {
    const { status } = await fetch(registry, {
      method: 'HEAD',
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return status < 500;
  } catch (error) {
    // fetch does not use a proxy that is named by a variable, npm does.
    if (Object.keys(env).some((name) => /^(npm_config_)?(https?_|all_)?proxy$/i.test(name) && env[name])) return null;
    const code = String(((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? '');
    return /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code) ? null : false;
  }
}
