import type { Config } from '../../runtime/config.js';

/** What every command is given. */
export interface Globals {
  config: Config;
  /** One JSON object per line on stdout, nothing else. */
  json: boolean;
}
