/**
 * The environment of a repository's commands (docs/formats.md, 7): an allow-list. What the user's shell holds beside it
 * (keys of clouds, of models, of git hosts) never reaches code that nobody here wrote. Tokens of package registries
 * reach install steps only.
 */
import { delimiter } from 'node:path';

export interface ChildEnvironment {
  run: string;
  /** Values of the run itself; they win over what is passed on, also when they look like secrets. */
  overlay: Readonly<Record<string, string>>;
  /** An install step: tokens of registries are passed. */
  install: boolean;
  /** Folders put before PATH, first one first. */
  toolPath?: readonly string[];
}

const passed = new Set(
  `PATH HOME USER LOGNAME SHELL LANG LANGUAGE TERM TZ TMPDIR
  XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
  HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY NO_PROXY http_proxy https_proxy all_proxy ftp_proxy no_proxy
  NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO AWS_CA_BUNDLE HTTPLIB2_CA_CERTS
  NIX_SSL_CERT_FILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH DENO_CERT DENO_TLS_CA_STORE
  NODE_AUTH_TOKEN NPM_TOKEN
  NVM_DIR FNM_DIR VOLTA_HOME N_PREFIX PNPM_HOME BUN_INSTALL DENO_DIR DENO_INSTALL_ROOT
  PYENV_ROOT PYTHONPATH PYTHONUSERBASE WORKON_HOME CONDA_PREFIX RBENV_ROOT GEM_HOME GEM_PATH RUBYLIB
  ASDF_DIR ASDF_DATA_DIR SDKMAN_DIR JAVA_HOME M2_HOME MAVEN_HOME MAVEN_OPTS GRADLE_HOME GRADLE_USER_HOME GRADLE_OPTS
  GOPATH GOROOT GOBIN GOCACHE GOMODCACHE GOTOOLCHAIN GOPROXY GOSUMDB GONOSUMDB GONOSUMCHECK GONOPROXY GOPRIVATE GOINSECURE
  CARGO_HOME DOTNET_ROOT DOTNET_CLI_HOME DOTNET_CLI_TELEMETRY_OPTOUT PHPENV_ROOT`.split(/\s+/),
);
const passedByStart = [
  'LC_', 'SSL_', 'npm_config_', 'NPM_CONFIG_', 'YARN_', 'COREPACK_', 'PIP_', 'UV_', 'POETRY_', 'PDM_', 'PIPENV_', 'BUNDLE_',
  'RUSTUP_', 'CARGO_REGISTRIES_', 'CARGO_REGISTRY_', 'CARGO_NET_', 'CARGO_HTTP_', 'COMPOSER_', 'NUGET_', 'MISE_',
]; // biome-ignore format: a table
/** npm sets these for what it runs: passed on, they would tie the repository's npm to the folder we were started from. */
const ofOuterNpm =
  /^npm_config_(local_prefix|user_agent|argv|node_gyp|init_.*|global|location|workspaces?|include_workspace_root)$/i;
/** What keeps a tool from saying why it failed, or doing it at all: the words of whom we were started by, not for the repository. */
const hushed = /^(?:npm_config_(?:loglevel|silent|quiet|json|parseable|dry_run)|PIP_QUIET)$/i;
const secretName = /token|_auth|authtoken|passw|secret|credential|_key$|username|http_basic|certfile|keyfile/i;
const secretUrl = /^[a-z][a-z0-9+.-]*:\/\/[^/\s@]+@|\s[a-z][a-z0-9+.-]*:\/\/[^/\s@]+@/i;
const proxy = /_proxy$/i;
/** With a host that does not answer npm and pip lose more than a minute before anybody hears of it, unless the user wants so. */
export const patience: Readonly<Record<string, string>> = {
  PIP_RETRIES: '2',
  npm_config_fetch_retry_mintimeout: '2000',
  npm_config_fetch_retry_maxtimeout: '10000',
};

/** @param env where it is taken from, this process's own by default. */
export function childEnvironment(o: ChildEnvironment, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || ofOuterNpm.test(name) || hushed.test(name)) continue;
    if (!passed.has(name) && !passedByStart.some((start) => name.startsWith(start))) continue;
    // An address with a password in it is a token of that registry; a proxy's is needed to reach anything at all.
    const secret = secretName.test(name) || (secretUrl.test(value) && !proxy.test(name));
    if (secret && !o.install) continue;
    child[name] = value;
  }
  if (o.install) {
    const set = new Set(Object.keys(child).map((name) => name.toLowerCase()));
    for (const [name, value] of Object.entries(patience)) if (!set.has(name.toLowerCase())) child[name] = value;
  }
  Object.assign(child, o.overlay);
  const path = [...(o.toolPath ?? []), child.PATH ?? ''].filter((part) => part !== '').join(delimiter);
  if (path !== '') child.PATH = path;
  child.RR_RUN = o.run;
  return child;
}
