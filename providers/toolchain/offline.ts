/** A run that is to reach nobody: what each package manager calls that. */

/** The variable that says it, among what the user gives to a run: `rr run --offline`. */
export const OFFLINE = 'RR_OFFLINE';
export const isOffline = (given: Readonly<Record<string, string>>): boolean =>
  /^(?:1|true|yes)$/i.test(given[OFFLINE] ?? '');

/** For install steps and builds. Deno, Maven and Gradle have an option and no variable: they find out by themselves. */
export const offlineEnvironment: Readonly<Record<string, string>> = {
  npm_config_offline: 'true',
  YARN_ENABLE_NETWORK: '0',
  PIP_NO_INDEX: '1',
  UV_OFFLINE: '1',
  CARGO_NET_OFFLINE: 'true',
  GOPROXY: 'off',
  GOTOOLCHAIN: 'local',
  BUNDLE_LOCAL: 'true',
  COMPOSER_DISABLE_NETWORK: '1',
  HEX_OFFLINE: '1',
  COREPACK_ENABLE_NETWORK: '0',
};
