/**
 * Objects by S3: MinIO where the machine has it, else a server of ours, which speaks what applications use of it and needs
 * nothing fetched. The buckets that the application names are there when it starts.
 */
import { dirname, join } from 'node:path';
import { program } from '../../runtime/program.js';
import { quote } from '../../runtime/shell.js';
import type { FoundService, ServiceKind } from './kind.js';

const isOurs = ({ from }: FoundService): boolean => from === 'ours';
const bucketsOf = (logins: readonly { database: string }[]): string[] => [
  ...new Set(logins.map(({ database }) => database).filter((name) => name !== '')),
];

export const minio: ServiceKind = {
  name: 'minio',
  port: 9000,
  programs: ['minio'],
  // It counts by days, and names a licence that has a number.
  versionAs: /RELEASE\.(\d{4}-\d\d-\d\d)/,
  folders: ['/usr/local/bin', '/opt/homebrew/bin'],
  packages: [],
  ours: () => ({ server: process.execPath, version: '', from: 'ours', title: 'S3 server of rr', env: {}, path: [] }),
  schemes: ['http'],
  login: { user: 'minioadmin', password: '', database: '' },
  // What one of them has stored the other cannot read.
  dataName: (found) => (isOurs(found) ? 'objects' : 'files'),
  // A folder of MinIO's data is a bucket.
  prepare: (found, { data }, { logins }) => {
    const buckets = bucketsOf(logins);
    return isOurs(found) || buckets.length === 0
      ? null
      : { shell: `mkdir -p ${buckets.map((name) => quote(join(data, name))).join(' ')}`, env: {} };
  },
  serve(found, { data, folder, host, port }, { logins }) {
    const [main] = logins;
    if (!isOurs(found)) {
      const words = [found.server, 'server', data, '--address', `${host}:${port}`];
      return {
        shell: `exec ${words.map(quote).join(' ')}`,
        env: {
          ...found.env,
          HOME: dirname(data),
          MINIO_ROOT_USER: main!.user,
          MINIO_ROOT_PASSWORD: main!.password,
          // Its pages for people would be one more port.
          MINIO_BROWSER: 'off',
        },
      };
    }
    const path = join(folder, 's3.json');
    const keys = logins.map(({ user, password }) => [user, password]);
    const words = [found.server, program('providers/services/s3/server'), path];
    return {
      shell: `exec ${words.map(quote).join(' ')}`,
      env: {},
      files: [{ path, text: `${JSON.stringify({ host, port, folder: data, keys, buckets: bucketsOf(logins) })}\n` }],
    };
  },
  ask: () => ({
    send: Buffer.from('GET /minio/health/live HTTP/1.0\r\n\r\n'),
    isReady: (heard) => /^HTTP\/1\.[01] 200/.test(heard.toString('latin1')),
  }),
  dump: (found, { data }) =>
    isOurs(found) ? { command: found.server, args: [program('providers/services/s3/dump'), data], env: {} } : null,
  without: {
    shell: 'give the address and the keys of rr db url to a client of S3, e.g. aws s3 or mc',
    dump: 'give the address and the keys of rr db url to a client of S3, e.g. mc mirror',
  },
  manual: 'nothing is needed for it',
};
