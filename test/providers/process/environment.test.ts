import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { openKeeper } from '../../../providers/process/client.js';
import { childEnvironment, patience } from '../../../providers/process/environment.js';
import { command, logOf, scratchRun } from './scratch.js';

const ours = {
  PATH: '/usr/bin:/bin',
  HOME: '/home/me',
  LANG: 'C.UTF-8',
  LC_ALL: 'C',
  TZ: 'UTC',
  TMPDIR: '/tmp',
  HTTPS_PROXY: 'http://me:pw@proxy:3128',
  no_proxy: 'localhost',
  SSL_CERT_FILE: '/ca.pem',
  NODE_EXTRA_CA_CERTS: '/ca.pem',
  npm_config_registry: 'https://registry.example/',
  NPM_CONFIG_CAFILE: '/ca.pem',
  PIP_INDEX_URL: 'https://pypi.example/simple',
  UV_CACHE_DIR: '/uv',
  NVM_DIR: '/nvm',
  GOPATH: '/go',
  CARGO_HOME: '/cargo',
  JAVA_HOME: '/java',
};
const tokens = {
  NPM_TOKEN: 't',
  NODE_AUTH_TOKEN: 't',
  'npm_config_//registry.example/:_authToken': 't',
  NPM_CONFIG__PASSWORD: 't',
  npm_config__auth: 't',
  UV_INDEX_PRIVATE_PASSWORD: 't',
  UV_INDEX_PRIVATE_USERNAME: 'u',
  PIP_EXTRA_INDEX_URL: 'https://a.example https://u:p@pypi.example/simple',
  CARGO_REGISTRIES_MINE_TOKEN: 't',
  COMPOSER_AUTH: '{}',
  POETRY_HTTP_BASIC_X_PASSWORD: 't',
  YARN_NPM_AUTH_TOKEN: 't',
};
const foreign = {
  AWS_SECRET_ACCESS_KEY: 's',
  ANTHROPIC_API_KEY: 's',
  OPENAI_API_KEY: 's',
  GITHUB_TOKEN: 's',
  DATABASE_URL: 'postgres://u:p@h/d',
  NATS_URL: 'n',
  SSH_AUTH_SOCK: '/s',
  NODE_OPTIONS: '--x',
  NODE_ENV: 'test',
  npm_config_loglevel: 'silent',
  NPM_CONFIG_DRY_RUN: 'true',
  PIP_QUIET: '3',
  LD_PRELOAD: '/x',
  RR_HOME: '/r',
  RR_RUN: 'outer',
  VITEST: '1',
  npm_lifecycle_event: 'x',
  npm_config_local_prefix: '/outer',
  npm_config_user_agent: 'npm',
  PORT: '1',
};
const env = { ...ours, ...tokens, ...foreign };

test('an application gets what the list allows and nothing else', () => {
  expect(childEnvironment({ run: 'r', overlay: {}, install: false }, env)).toEqual({ ...ours, RR_RUN: 'r' });
});

test('an install step gets the tokens of registries too', () => {
  expect(childEnvironment({ run: 'r', overlay: {}, install: true }, env)).toEqual({
    ...ours,
    ...tokens,
    ...patience,
    RR_RUN: 'r',
  });
});

test('the overlay wins, tools come first in PATH, and the run is always marked', () => {
  const overlay = { PORT: '3000', HOME: '/other', SECRET_KEY: 'made', RR_RUN: 'forged' };
  const child = childEnvironment(
    { run: 'r', overlay, install: false, toolPath: ['/tools/node 20/bin', '/tools/x'] },
    env,
  );
  expect(child).toMatchObject({
    PORT: '3000',
    HOME: '/other',
    SECRET_KEY: 'made',
    RR_RUN: 'r',
    PATH: '/tools/node 20/bin:/tools/x:/usr/bin:/bin',
  });
});

test('a secret of our own environment does not reach a command under the keeper', async () => {
  process.env.RR_TEST_API_KEY = 'hush-hush';
  process.env.NPM_TOKEN = 'hush-hush';
  try {
    const run = scratchRun();
    const { keeper } = await openKeeper(run);
    const prints = command(run, 'prints', 'env', {
      env: childEnvironment({ run: run.run, overlay: { A: '1' }, install: false }),
    });
    await keeper.start(prints);
    await keeper.exited(prints.id);
    expect(logOf(prints)).toContain(`RR_RUN=${run.run}\n`);
    expect(logOf(prints)).toContain('A=1\n');
    expect(logOf(prints)).not.toContain('hush');
    expect(execFileSync('ps', ['-o', 'command=', 'e', '-p', String(keeper.pid)], { encoding: 'latin1' })).not.toContain(
      'hush',
    );
  } finally {
    delete process.env.RR_TEST_API_KEY;
    delete process.env.NPM_TOKEN;
  }
});
