/**
 * Elasticsearch or OpenSearch, where the machine has one or an image of it. Written by their documentation: no package source
 * we know has them, so they were never run by our tests.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Job, ServiceKind } from './kind.js';
import { asOtherUser } from './other-user.js';

export const elasticsearch: ServiceKind = {
  name: 'elasticsearch',
  port: 9200,
  programs: ['elasticsearch', 'opensearch'],
  folders: ['/usr/share/elasticsearch/bin', '/usr/share/opensearch/bin', '/opt/homebrew/bin'],
  packages: [],
  schemes: ['http'],
  login: { user: '', password: '', database: '' },
  serve(found, { data, folder, host, port }): Job {
    const isOpen = found.server.endsWith('opensearch');
    // Its own package has the plugin, and does not start without keys for it; a smaller one does not know the setting.
    const isGuarded =
      isOpen && existsSync(join(dirname(dirname(realpathSync(found.server))), 'plugins/opensearch-security'));
    const settings = {
      'http.port': String(port),
      'http.host': host,
      'path.data': data,
      'path.logs': folder,
      'discovery.type': 'single-node',
      // It would take no new index on a disk that is nearly full, and only say so to who looks.
      'cluster.routing.allocation.disk.threshold_enabled': 'false',
      ...(isGuarded ? { 'plugins.security.disabled': 'true' } : {}),
      ...(isOpen ? {} : { 'xpack.security.enabled': 'false' }),
    };
    const words = [found.server, ...Object.entries(settings).flatMap(([key, value]) => ['-E', `${key}=${value}`])];
    const memory = '-Xms512m -Xmx512m';
    return {
      shell: asOtherUser(words),
      env: { ...found.env, [isOpen ? 'OPENSEARCH_JAVA_OPTS' : 'ES_JAVA_OPTS']: memory },
    };
  },
  ask: () => ({
    send: Buffer.from('GET /_cluster/health HTTP/1.0\r\n\r\n'),
    isReady: (heard) => /^HTTP\/1\.[01] 200/.test(heard.toString('latin1')),
  }),
  without: {
    shell: 'it speaks HTTP: give the address of rr db url to curl or a browser',
    dump: 'its indices are read over HTTP, or by a program for it (elasticdump): rr db url says where',
  },
  manual: 'install Elasticsearch or OpenSearch (its bin folder on PATH; Debian has no package of it)',
};
