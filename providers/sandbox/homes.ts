/** What of a person's home a repository's commands need: tools, settings of package managers, and nothing else. */
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;
/** The folders that settings and data lie in, as the environment moves them. */
interface Bases {
  home: string;
  config: string;
  data: string;
  cargo: string;
  gradle: string;
}
const basesOf = (home: string, env: Environment): Bases => ({
  home,
  config: env.XDG_CONFIG_HOME || join(home, '.config'),
  data: env.XDG_DATA_HOME || join(home, '.local', 'share'),
  cargo: env.CARGO_HOME || join(home, '.cargo'),
  gradle: env.GRADLE_USER_HOME || join(home, '.gradle'),
});

/** Where tools and version managers lie: shown read-only. */
export function toolFolders(home: string, env: Environment): string[] {
  const { data, cargo } = basesOf(home, env);
  const named = [
    env.NVM_DIR, env.FNM_DIR, env.VOLTA_HOME, env.N_PREFIX, env.PNPM_HOME, env.PYENV_ROOT, env.RBENV_ROOT,
    env.RUSTUP_HOME, env.ASDF_DIR, env.ASDF_DATA_DIR, env.MISE_DATA_DIR, env.SDKMAN_DIR, env.JAVA_HOME, env.GOROOT,
    env.GRADLE_HOME, env.MAVEN_HOME, env.DOTNET_ROOT, env.PHPENV_ROOT, env.CONDA_PREFIX, env.WORKON_HOME,
    env.GEM_HOME, env.PYTHONUSERBASE, env.BUN_INSTALL === undefined ? undefined : join(env.BUN_INSTALL, 'bin'),
  ]; // biome-ignore format: a table
  const usual = `.nvm .fnm .volta .nodenv .n .npm-global .pyenv .rye .rbenv .rvm .rubies .gem .asdf .sdkman .jdks .jenv .gvm
    .goenv sdk go/bin .rustup .bun/bin .deno/bin .dotnet .phpenv .proto .local/bin .local/lib .local/pipx
    miniconda3 anaconda3 miniforge3 mambaforge .conda/envs`;
  return [
    ...named.filter((path) => path !== undefined && path !== ''),
    ...usual.split(/\s+/).map((name) => join(home, name)),
    ...['pipx', 'uv/python', 'uv/tools', 'mise', 'fnm', 'rtx', 'pypoetry', 'pdm'].map((name) => join(data, name)),
    join(cargo, 'bin'),
  ] as string[];
}

/** Settings of package managers: which registry, which mirror, which certificates. Where they hold secrets see `withoutSecrets`. */
export function settingFiles(home: string, env: Environment): string[] {
  const { config, cargo, gradle } = basesOf(home, env);
  const own = ['npm_config_userconfig', 'NPM_CONFIG_USERCONFIG', 'PIP_CONFIG_FILE', 'UV_CONFIG_FILE']
    .map((name) => env[name])
    .filter((path) => path?.startsWith('/'));
  return [
    ...(own as string[]),
    ...`.npmrc .yarnrc .yarnrc.yml .bunfig.toml .pip/pip.conf .condarc .gemrc .bundle/config .composer/config.json
      .m2/settings.xml .m2/toolchains.xml .nuget/NuGet/NuGet.Config`
      .split(/\s+/)
      .map((name) => join(home, name)),
    ...`pip/pip.conf uv/uv.toml pypoetry/config.toml pdm/config.toml pnpm/rc composer/config.json NuGet/NuGet.Config
      go/env .bunfig.toml`
      .split(/\s+/)
      .map((name) => join(config, name)),
    ...['config', 'config.toml'].map((name) => join(cargo, name)),
    ...['gradle.properties', 'init.gradle', 'init.gradle.kts'].map((name) => join(gradle, name)),
  ];
}

/** Where package managers keep what they have fetched; `to` names the folder of our cache that is laid there. */
export function cacheFolders(home: string, env: Environment): { at: string; to: string }[] {
  const { data, cargo, gradle } = basesOf(home, env);
  const at = (place: string, to: string): { at: string; to: string } => ({ at: place, to });
  return [
    at(env.XDG_CACHE_HOME || join(home, '.cache'), 'cache'),
    at(join(home, '.npm'), 'npm'),
    at(join(data, 'pnpm', 'store'), 'pnpm'),
    at(join(home, '.yarn', 'berry'), 'yarn-berry'),
    at(join(env.BUN_INSTALL || join(home, '.bun'), 'install', 'cache'), 'bun'),
    at(join(cargo, 'registry'), 'cargo-registry'),
    at(join(cargo, 'git'), 'cargo-git'),
    at(join(env.GOPATH || join(home, 'go'), 'pkg'), 'go-pkg'),
    at(join(home, '.m2', 'repository'), 'm2'),
    at(join(home, '.m2', 'wrapper'), 'm2-wrapper'),
    at(join(gradle, 'caches'), 'gradle'),
    at(join(gradle, 'wrapper'), 'gradle-wrapper'),
    at(join(home, '.nuget', 'packages'), 'nuget'),
    at(join(home, '.ivy2', 'cache'), 'ivy2'),
    // Those that are set by name lie where they are said to lie.
    ...Object.entries(env).flatMap(([name, value]) =>
      /cache/i.test(name) && name !== 'XDG_CACHE_HOME' && value?.startsWith('/')
        ? [at(value, `named-${name.toLowerCase()}`)]
        : [],
    ),
    ...(env.DENO_DIR?.startsWith('/') ? [at(env.DENO_DIR, 'deno')] : []),
    ...(env.GOMODCACHE?.startsWith('/') ? [at(env.GOMODCACHE, 'go-mod')] : []),
  ];
}

const secretLine =
  /_auth|authtoken|auth[-_ ]?ident|passw|secret|(?<!npm)token|api[-_]?key|<username>|credential|\/\/[^/\s@"']+@/i;
/** A setting file without the lines that hold a token or a password: builds and applications need the registry, not the login. */
export const withoutSecrets = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !secretLine.test(line))
    .join('\n');
