// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of env files
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ConfigureService, configure, expand } from '../../../agents/config/configure.js';
import type { Configured } from '../../../agents/config/contract.js';
import { readEnvFile } from '../../../agents/config/env-file.js';
import { isOwnSecret, isPlaceholder, isThirdParty } from '../../../agents/config/names.js';

const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
type Variable = ConfigureService['env'][number];
const variable = (name: string, given: Partial<Variable> = {}): Variable => ({
  name,
  required: true,
  secret: /SECRET|KEY|TOKEN|PASSWORD|SALT/.test(name),
  default: null,
  from: '.env.example:1',
  ...given,
});
const fill = (env: Variable[], more: Partial<ConfigureService> = {}): Promise<Configured> =>
  configure({ service: 'web', root: scratch(), path: '.', env, given: {}, bundle: scratch(), ...more });
const valuesOf = (fact: Configured): Record<string, string> => JSON.parse(readFileSync(fact.envFile, 'utf8'));
const originOf = (fact: Configured, name: string): string | undefined =>
  fact.set.find((each) => each.name === name)?.origin;

test.each([
  ['SECRET_KEY', true],
  ['JWT_SECRET', true],
  ['SESSION_SECRET', true],
  ['APP_KEY', true],
  ['APP_KEYS', true],
  ['SECRET_KEY_BASE', true],
  ['NEXTAUTH_SECRET', true],
  ['AUTH0_SECRET', true],
  ['COOKIE_SECRET', true],
  ['ENCRYPTION_KEY', true],
  ['DJANGO_SECRET_KEY', true],
  ['FLASK_SECRET_KEY', true],
  ['API_TOKEN_SALT', true],
  ['ACCESS_TOKEN_SECRET', true],
  ['ACME_JWT_SECRET', true],
  ['N8N_ENCRYPTION_KEY', true],
  ['jwtSecret', true],
  ['ADMIN_PASSWORD', true],
  ['STRIPE_SECRET_KEY', false],
  ['STRIPE_WEBHOOK_SECRET', false],
  ['CLERK_SECRET_KEY', false],
  ['PAYSTACK_SECRET_KEY', false],
  ['UNHEARD_OF_SECRET_KEY', false],
  ['GITHUB_CLIENT_SECRET', false],
  ['OAUTH_CLIENT_SECRET', false],
  ['AWS_SECRET_ACCESS_KEY', false],
  ['OPENAI_API_KEY', false],
  ['API_KEY', false],
  ['API_SECRET', false],
  ['JWT_PRIVATE_KEY', false],
  ['DB_PASSWORD', false],
  ['POSTGRES_PASSWORD', false],
  ['SMTP_PASSWORD', false],
  ['GITHUB_TOKEN', false],
])('%s is a secret of the application’s own: %s', (name, own) => {
  expect(isOwnSecret(name)).toBe(own);
  if (own) expect(isThirdParty(name)).toBe(false);
});

test('a secret key that bears the application’s own name is its own', () => {
  expect(isOwnSecret('ACME_SHOP_SECRET_KEY', ['acme-shop'])).toBe(true);
  expect(isOwnSecret('ACME_SHOP_SECRET_KEY', ['other'])).toBe(false);
});

test('own secrets are made up in the shape their readers want, once a run, shared by its services', async () => {
  const env = ['SECRET_KEY', 'APP_KEY', 'SECRET_KEY_BASE', 'ENCRYPTION_KEY', 'FERNET_KEY', 'APP_KEYS'].map((n) =>
    variable(n),
  );
  const bundle = scratch();
  const first = await fill(env, { bundle });
  const values = valuesOf(first);
  expect(values.SECRET_KEY).toMatch(/^[0-9a-f]{64}$/);
  expect(Buffer.from(values.APP_KEY!.replace(/^base64:/, ''), 'base64')).toHaveLength(32);
  expect(values.SECRET_KEY_BASE).toMatch(/^[0-9a-f]{128}$/);
  expect(values.ENCRYPTION_KEY).toHaveLength(32);
  expect(values.FERNET_KEY).toMatch(/^[\w-]{43}=$/);
  expect(new Set(values.APP_KEYS!.split(','))).toHaveProperty('size', 4);
  expect(new Set(Object.values(values)).size).toBe(env.length);
  rmSync(first.envFile);
  expect(valuesOf(await fill(env, { bundle }))).toEqual(values);
  expect(valuesOf(await fill(env, { bundle, service: 'worker' })).SECRET_KEY).toBe(values.SECRET_KEY);
  expect(valuesOf(await fill(env)).SECRET_KEY).not.toBe(values.SECRET_KEY);
});

test('several services configured at once agree on their secrets', async () => {
  const bundle = scratch();
  const facts = await Promise.all(
    Array.from({ length: 8 }, (_, n) => fill([variable('JWT_SECRET')], { bundle, service: `@s/${n}` })),
  );
  expect(new Set(facts.map((fact) => valuesOf(fact).JWT_SECRET)).size).toBe(1);
  expect(readdirSync(join(bundle, 'inputs')).filter((name) => !/^env\..*\.json$/.test(name))).toEqual(['secret.seed']);
});

test('no value is in the fact, and the files of values are for this user alone', async () => {
  const bundle = scratch();
  const fact = await fill(
    [variable('JWT_SECRET'), variable('DB_URL', { default: 'postgres://me:pw@localhost/x', secret: true })],
    {
      bundle,
      given: { STRIPE_SECRET_KEY: 'sk_live_given' },
    },
  );
  const values = Object.values(valuesOf(fact));
  expect(values).toContain('sk_live_given');
  for (const value of values) expect(JSON.stringify(fact)).not.toContain(value);
  for (const name of readdirSync(join(bundle, 'inputs')))
    expect(statSync(join(bundle, 'inputs', name)).mode & 0o777).toBe(0o600);
});

test('keys of third parties are listed, never invented; so is what only a person can know', async () => {
  const fact = await fill([
    variable('STRIPE_SECRET_KEY', { default: 'sk_test_your_key_here', from: '.env.example:3' }),
    variable('OPENAI_API_KEY', { required: false }),
    variable('COMPANY_VAT_ID'),
    variable('OPTIONAL_THING', { required: false }),
    variable('GOOGLE_CLIENT_SECRET', { default: '<secret>' }),
    variable('AWS_REGION', { default: 'eu-west-1' }),
  ]);
  expect(fact.missing).toEqual([
    { name: 'STRIPE_SECRET_KEY', from: '.env.example:3', required: true },
    { name: 'OPENAI_API_KEY', from: '.env.example:1', required: false },
    { name: 'COMPANY_VAT_ID', from: '.env.example:1', required: true },
    { name: 'GOOGLE_CLIENT_SECRET', from: '.env.example:1', required: true },
  ]);
  expect(valuesOf(fact)).toEqual({ AWS_REGION: 'eu-west-1' });
});

test('an example’s value is used, but a placeholder for an own secret is replaced', async () => {
  const fact = await fill([
    variable('SITE_TITLE', { default: 'test' }),
    variable('JWT_SECRET', { default: 'changeme' }),
    variable('SESSION_SECRET', { default: 'a9f3c1d2e4b5a6978877' }),
    variable('COOKIE_SECRET', { default: '' }),
  ]);
  expect(valuesOf(fact)).toMatchObject({ SITE_TITLE: 'test', SESSION_SECRET: 'a9f3c1d2e4b5a6978877' });
  expect(fact.set.map(({ name, origin }) => `${name} ${origin}`)).toEqual([
    'SITE_TITLE example',
    'JWT_SECRET generated',
    'SESSION_SECRET example',
    'COOKIE_SECRET generated',
  ]);
});

test('what is given wins over everything, names of the runner’s own included', async () => {
  const fact = await fill([variable('JWT_SECRET'), variable('PORT', { default: '3000' })], {
    given: { JWT_SECRET: 'mine', PORT: '4000', EXTRA: 'e' },
  });
  expect(valuesOf(fact)).toEqual({ JWT_SECRET: 'mine', PORT: '4000', EXTRA: 'e' });
  expect(originOf(fact, 'JWT_SECRET')).toBe('given');
});

test('port, host, mode and the machine’s own names are left to the runner', async () => {
  const names = ['PORT', 'HOST', 'NODE_ENV', 'PATH', 'HOME'];
  const fact = await fill(names.map((name) => variable(name, { default: 'x' })));
  expect([valuesOf(fact), fact.set, fact.missing]).toEqual([{}, [], []]);
});

test('what the repository’s own .env sets is left to it; an empty value there is filled', async () => {
  const root = scratch();
  mkdirSync(join(root, 'apps/web'), { recursive: true });
  writeFileSync(join(root, '.env'), 'STRIPE_SECRET_KEY=sk_own\nJWT_SECRET=\nexport A="x\ny" # c\n');
  writeFileSync(join(root, 'apps/web/.env'), '# c\nWEB_ONLY=1\n');
  const before = readdirSync(root);
  const env = ['STRIPE_SECRET_KEY', 'JWT_SECRET', 'A', 'WEB_ONLY'].map((name) => variable(name, { default: null }));
  const fact = await fill(env, { root, path: 'apps/web', given: { A: 'given' } });
  expect(Object.keys(valuesOf(fact)).sort()).toEqual(['A', 'JWT_SECRET']);
  expect(fact.set).toContainEqual({ name: 'STRIPE_SECRET_KEY', origin: 'repository', from: '.env:1' });
  expect(fact.set).toContainEqual({ name: 'WEB_ONLY', origin: 'repository', from: 'apps/web/.env:2' });
  expect(fact.missing).toEqual([]);
  expect(JSON.stringify(fact)).not.toContain('sk_own');
  expect(readdirSync(root)).toEqual(before);
});

test('an .env that leads out of the repository is not read', async () => {
  const root = scratch();
  const outside = join(scratch(), 'env');
  writeFileSync(outside, 'COMPANY_VAT_ID=1\n');
  symlinkSync(outside, join(root, '.env'));
  expect((await fill([variable('COMPANY_VAT_ID')], { root })).missing).toHaveLength(1);
});

test('values that name other variables are resolved, in any order and without end', async () => {
  const fact = await fill(
    [
      variable('URL', { default: 'http://${NAME}:${PORT}/${NONE:-x}' }),
      variable('NAME', { default: '${FIRST}-b' }),
      variable('FIRST', { default: 'a' }),
      variable('PORT', { default: '3000' }),
      variable('ROUND', { default: '${ABOUT}' }),
      variable('ABOUT', { default: '${ROUND}!' }),
      variable('PRICE', { default: '$5 {x} \\${FIRST}' }),
    ],
    { given: { RAW: '${FIRST}' } },
  );
  expect(valuesOf(fact)).toMatchObject({
    URL: 'http://a-b:3000/x',
    NAME: 'a-b',
    ROUND: '!',
    PRICE: '$5 {x} ${FIRST}',
    RAW: '${FIRST}',
  });
  expect(expand('${A}', () => '${A}', ['A'])).toBe('');
});

test('a required setting with an evident value gets it', async () => {
  const fact = await fill([variable('LOG_LEVEL'), variable('APP_NAME'), variable('APP_ENV', { required: false })]);
  expect(valuesOf(fact)).toEqual({ LOG_LEVEL: 'info', APP_NAME: 'web' });
  expect(originOf(fact, 'LOG_LEVEL')).toBe('default');
});

test('a run’s folder that cannot be written is said as such', async () => {
  const bundle = join(scratch(), 'file');
  writeFileSync(bundle, '');
  await expect(fill([variable('JWT_SECRET')], { bundle })).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' });
});

test.each([
  'your-secret-here',
  '<token>',
  'xxxx',
  'changeme',
  'sk_test_xxxxxxxx',
  'sk-...',
  'YOUR_API_KEY',
  'replace-me',
  '',
])('"%s" only marks the spot of a secret', (value) => expect(isPlaceholder(value, false)).toBe(true));
test.each(['AKIAIOSFODNN7EXAMPLE', 'minioadmin', 'pk_test_51H8xyzABCDEF'])('"%s" is a value', (value) =>
  expect(isPlaceholder(value, false)).toBe(false),
);

test('env files are read as dotenv reads them', () => {
  expect(
    readEnvFile('\uFEFFA=1\r\nexport B = "x\\ny" # c\nC=\'a # b\'\nD=a#b #c\nE="open\n#F=1\nG="l1\nl2"\nH=h'),
  ).toEqual([
    { name: 'A', value: '1', line: 1 },
    { name: 'B', value: 'x\ny', line: 2 },
    { name: 'C', value: 'a # b', line: 3 },
    { name: 'D', value: 'a#b', line: 4 },
    { name: 'E', value: 'open\n#F=1\nG=', line: 5 },
    { name: 'H', value: 'h', line: 9 },
  ]);
});

test('a secret that bears the name of the package whose code reads it is the own one of the application', async () => {
  const asks = (from: string) => fill([variable('SHOP_SECRET_KEY', { from })]);
  expect(originOf(await asks('shop/__init__.py:9'), 'SHOP_SECRET_KEY')).toBe('generated');
  expect((await asks('pay/__init__.py:9')).missing).toMatchObject([{ name: 'SHOP_SECRET_KEY' }]);
  const theirs = await fill([variable('STRIPE_SECRET_KEY', { from: 'stripe/client.py:1' })]);
  expect(theirs.missing).toMatchObject([{ name: 'STRIPE_SECRET_KEY' }]);
});

test('a secret that a fix asks for is made up here, whatever its name, and is told as generated', async () => {
  const bundle = scratch();
  const given = { ODD_ONE: '$generate', SESSION_SECRET: '$generate' };
  const fact = await fill([variable('SESSION_SECRET', { default: 'change-me' })], { given, bundle });
  const values = valuesOf(fact);
  expect(values).toEqual({
    ODD_ONE: expect.stringMatching(/^[0-9a-f]{64}$/),
    SESSION_SECRET: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(values.ODD_ONE).not.toBe(values.SESSION_SECRET);
  expect([originOf(fact, 'ODD_ONE'), originOf(fact, 'SESSION_SECRET')]).toEqual(['generated', 'generated']);
  expect(valuesOf(await fill([], { given, bundle }))).toEqual(values);
});
