/** What a run that may reach nobody lacks, named at once: the caches of the package managers hold what they hold. */
import { fail } from '../../../runtime/errors.js';
import type { Rule } from './rule.js';

/** The package in an address of a registry: `https://host/@scope%2fname` and `https://host/name/-/name-1.0.0.tgz`. */
const nameIn = (found: string): string => {
  const path = found.replace(/^https?:\/\/[^/]+\//, '').split('/-/')[0]!;
  return decodeURIComponent(path.replace(/%(?![\da-f]{2})/gi, '')).replace(/[,.;:]+$/, '');
};

export const offline: readonly Rule[] = [
  {
    id: 'offline-missing',
    about: 'the run may fetch nothing, and no cache here has a package that it needs',
    steps: ['deps', 'build'],
    signature: [
      /satisfies the requirement ([\w.[\]-]+)[^\n]*from versions: none\)[\s\S]*?\[offline\]/,
      /request to (\S+) failed: cache mode is 'only-if-cached'/,
      /code ENOTCACHED[\s\S]{0,200}?request to (\S+) failed/,
      /ERR_PNPM_NO_OFFLINE_(?:TARBALL|META)\b[^\n]*?(\S+) (?:from|in|is not)/,
      /([\w./-]+@v[\w.+-]+): module lookup disabled by GOPROXY=off/,
      /no matching package named `([^`]+)` found[\s\S]{0,400}?offline/,
      /failed to (?:download|get) `([^`]+)`[\s\S]{0,600}?--offline was specified/,
    ],
    cause: ({ match }) => `this run is offline, and no cache here has ${nameIn(match[1]!)}`,
    error: ({ match }) =>
      fail('SERVICE_MISSING', {
        need: `the package ${nameIn(match[1]!)}`,
        from: 'this run is offline and no cache here has it',
        fix: 'run it once without --offline, which keeps what is fetched, then run again',
      }).toRecord(),
  },
];
