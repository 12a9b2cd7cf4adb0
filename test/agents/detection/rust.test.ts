import { expect, test } from 'vitest';
import { detectRust } from '../../../agents/detection/languages/rust.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

test('the default binary of a crate is built and started', async () => {
  const service = await found(detectRust, fixture('rust-axum'));
  expect(service).toMatchObject({
    name: 'hello-axum',
    kind: 'web-service',
    framework: 'axum',
    versions: { rust: { want: '>=1.74' } },
  });
  expect(service.commands).toEqual({
    install: ['cargo fetch'],
    build: ['cargo build --release --bin server'],
    start: './target/release/server',
  });
  expect(service.env).toEqual([
    { name: 'API_SECRET', required: true, secret: true, default: null, from: 'src/bin/server.rs:6' },
  ]);
  expect(service.ports).toEqual([{ number: 3005, from: 'src/bin/server.rs:9' }]);
  // After the character '"' the code is still read as code, and the comment's route is none.
  expect(service.proof.paths).toEqual([{ path: '/', from: 'src/bin/server.rs:8' }]);
  expect(claims(service)).toContain('reads PORT from the environment (src/bin/server.rs:9)');
});

test('a member of a workspace is found in the folder that the workspace builds into; its list of members is no service', async () => {
  expect(await look(detectRust, fixture('rust-workspace'))).toBeNull();
  const service = await found(detectRust, fixture('rust-workspace'), 'crates/api');
  expect(service).toMatchObject({
    path: 'crates/api',
    framework: 'rocket',
    writes: ['../../target', '../../Cargo.lock'],
  });
  expect(service.commands.start).toBe('ROCKET_ADDRESS=127.0.0.1 ROCKET_PORT=$PORT ../../target/release/api');
});

test('a crate without a binary is a library, one with clap a tool', async () => {
  expect(await found(detectRust, fixture('rust-library'))).toMatchObject({
    kind: 'library',
    proof: { command: 'cargo test' },
  });
  const tool = {
    'Cargo.toml': '[package]\nname = "cut"\n[dependencies]\nclap = "4"\n',
    'src/main.rs': 'fn main() {}\n',
    'Cargo.lock': 'v\n',
  };
  expect(await found(detectRust, scratch(tool))).toMatchObject({
    kind: 'cli',
    commands: { build: ['cargo build --release --locked'] },
    proof: { command: './target/release/cut --help' },
  });
});
