import { expect, test } from 'vitest';
import { detectGo } from '../../../agents/detection/languages/go.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

test('a server in the root is built and started, with the port its code falls back to', async () => {
  const service = await found(detectGo, fixture('go-http'));
  expect(service).toMatchObject({
    kind: 'web-service',
    language: 'go',
    versions: { go: { want: '>=1.19', from: 'go.mod:3' } },
  });
  expect(service.commands).toEqual({ install: [], build: ['go build -o bin/hello .'], start: './bin/hello' });
  expect(service.ports).toEqual([{ number: 8080, from: 'main.go:14' }]);
  expect(claims(service)).toContain('reads PORT from the environment (main.go:12)');
});

test('of several commands the one whose packages listen is chosen, with its flag for the address', async () => {
  const service = await found(detectGo, fixture('go-cmd-layout'));
  expect(service).toMatchObject({ kind: 'web-service', framework: 'chi' });
  expect(service.commands).toEqual({
    install: ['go mod download'],
    build: ['go build -o bin/shopd ./cmd/shopd'],
    start: './bin/shopd -addr 127.0.0.1:$PORT',
  });
  expect(service.proof.paths).toEqual([{ path: '/healthz', from: 'internal/web/web.go:12' }]);
  expect(service.env).toMatchObject([{ name: 'SHOP_TOKEN', secret: true, from: 'internal/web/web.go:12' }]);
  expect(claims(service)).toContain('main package in cmd/migrate (cmd/migrate/main.go:5)');
});

test('a module without main is a library, a main that reads flags a tool', async () => {
  expect(await found(detectGo, fixture('go-library'))).toMatchObject({
    kind: 'library',
    proof: { command: 'go test ./...' },
  });
  const tool = {
    'go.mod': 'module a.b/tool\n',
    'main.go': 'package main\nimport "flag"\nfunc main() { flag.Parse() }\n',
  };
  expect(await found(detectGo, scratch(tool))).toMatchObject({
    kind: 'cli',
    proof: { how: 'exit', command: './bin/tool --help' },
  });
});

test('listening that stands in a comment or a string is no listening', async () => {
  const main =
    'package main\nimport "net/http"\n// http.ListenAndServe(":1", nil)\nvar a = `http.ListenAndServe(":2", nil)`\nvar b = http.Get\nfunc main() {}\n';
  expect(await found(detectGo, scratch({ 'go.mod': 'module a.b/c\n', 'main.go': main }))).toMatchObject({
    kind: 'job',
    ports: [],
  });
});

test('a tool with a subcommand that serves is started with it', async () => {
  const main =
    'package main\nimport (\n"net/http"\n"github.com/spf13/cobra"\n)\nvar c = &cobra.Command{Use: "serve"}\nfunc main() { http.ListenAndServe(":8080", nil) }\n';
  expect((await found(detectGo, scratch({ 'go.mod': 'module a.b/c\n', 'main.go': main }))).commands.start).toBe(
    './bin/c serve',
  );
});

test('a folder without Go is not Go', async () => {
  expect(await look(detectGo, fixture('php-plain'))).toBeNull();
});
