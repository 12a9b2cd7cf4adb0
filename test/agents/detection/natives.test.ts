/** What the smaller languages say in ways that no fixture repository shows. */
import { expect, test } from 'vitest';
import { detect } from '../../../agents/detection/detect.js';
import { detectC } from '../../../agents/detection/languages/c.js';
import { detectCobol } from '../../../agents/detection/languages/cobol.js';
import { detectCrystal } from '../../../agents/detection/languages/crystal.js';
import { detectDart } from '../../../agents/detection/languages/dart.js';
import { detectElixir } from '../../../agents/detection/languages/elixir.js';
import { detectGleam } from '../../../agents/detection/languages/gleam.js';
import { detectHaskell } from '../../../agents/detection/languages/haskell.js';
import { detectScala } from '../../../agents/detection/languages/scala.js';
import { detectSwift } from '../../../agents/detection/languages/swift.js';
import { detectZig } from '../../../agents/detection/languages/zig.js';
import { openTree } from '../../../providers/tree.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

const listens = 'int main(void) { int s = 0; listen(s, 5); puts("HTTP/1.0 200 OK"); }\n';

test('C: of several programs the one that listens is run, and tests are none of them', async () => {
  const root = scratch({
    'CMakeLists.txt':
      'cmake_minimum_required(VERSION 3.5)\nproject(many C)\nadd_executable(helper helper.c)\nadd_executable(gate gate.c)\nadd_executable(test_gate gate.c)\n',
    'helper.c': 'int main(int argc, char **argv) { return argc > 1; }\n',
    'gate.c': listens,
  });
  const service = await found(detectC, root);
  expect(service).toMatchObject({ kind: 'web-service', commands: { start: './build/gate' } });
  expect(service.versions).toEqual({ cmake: { want: '>=3.5', from: 'CMakeLists.txt:1' } });
  expect(claims(service)).toEqual(
    expect.arrayContaining(['builds the program gate (CMakeLists.txt:4)', 'listens (gate.c:1)']),
  );
});

test('C: what listens without a word of HTTP is a worker, and its option for the port is used', async () => {
  const code =
    'int main(int argc, char **argv) {\n  int port = 7000;\n  switch (getopt(argc, argv, "p:")) { case \'p\': port = atoi(optarg); }\n  listen(fd, 9);\n}\n';
  const service = await found(detectC, scratch({ Makefile: 'echod: echod.o\n', 'echod.c': code }));
  expect(service).toMatchObject({
    kind: 'worker',
    proof: { how: 'log' },
    commands: { build: ['make echod'], start: './echod -p $PORT' },
  });
  expect(service.ports).toEqual([{ number: 7000, from: 'echod.c:2' }]);
});

test('C: beside a package of another language it is a part of that one', async () => {
  const files = { Makefile: 'all: tool\ntool: tool.c\n\t$(CC) -o $@ $<\n', 'tool.c': 'int main(void) { return 0; }\n' };
  expect((await found(detectC, scratch(files))).confidence).toBeGreaterThan(0.5);
  expect((await found(detectC, scratch({ ...files, 'setup.py': '' }))).confidence).toBeLessThan(0.5);
});

test('C: a build in a folder that is taken goes elsewhere; a folder that another one adds is no place of its own', async () => {
  const root = scratch({
    'CMakeLists.txt': 'project(top C)\nadd_subdirectory(sub)\n',
    'build/notes.txt': 'kept\n',
    'sub/CMakeLists.txt': 'project(sub C)\nadd_executable(sub main.c)\n',
    'sub/main.c': 'int main(void) { return 0; }\n',
  });
  expect((await found(detectC, root)).commands.start).toBe('./out/sub/sub');
  expect(await look(detectC, root, 'sub')).toBeNull();
});

test('C: a Makefile that compiles nothing is none of it', async () => {
  expect(await look(detectC, scratch({ Makefile: 'test:\n\tgo test ./...\n', 'x.go': 'package x\n' }))).toBeNull();
});

test('Elixir: Phoenix without a runtime configuration runs as it is set up, in development', async () => {
  const { 'mix.exs': mix } = {
    'mix.exs': 'defmodule A do\n  use Mix.Project\n  def project, do: [app: :a, deps: [{:phoenix, "~> 1.5"}]]\nend\n',
  };
  const service = await found(
    detectElixir,
    scratch({ 'mix.exs': mix, 'config/dev.exs': 'config :a, A, http: [port: 4001]\n' }),
  );
  expect(service.commands.start).toBe('PHX_SERVER=true mix phx.server');
  expect(service.ports).toEqual([{ number: 4001, from: 'config/dev.exs:1' }]);
});

test('Elixir: an umbrella serves by the application in it that does', async () => {
  const service = await found(
    detectElixir,
    scratch({
      'mix.exs': 'defmodule U do\n  use Mix.Project\n  def project, do: [apps_path: "apps"]\nend\n',
      'apps/web/mix.exs':
        'defmodule W do\n  use Mix.Project\n  def project, do: [app: :web, deps: [{:phoenix, "~> 1.7"}]]\nend\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'web-service', framework: 'phoenix' });
  expect(claims(service)).toContain('depends on phoenix (apps/web/mix.exs:3)');
});

test('Elixir: without a callback to start it is a library, proven by its tests', async () => {
  const service = await found(
    detectElixir,
    scratch({
      'mix.exs': 'defmodule L do\n  use Mix.Project\n  def project, do: [app: :l]\nend\n',
      'test/l_test.exs': 'x\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'library', proof: { command: 'mix test' }, commands: { install: [] } });
});

test('Gleam: for JavaScript it says so in its commands', async () => {
  const service = await found(
    detectGleam,
    scratch({ 'gleam.toml': 'name = "a"\ntarget = "javascript"\n', 'src/a.gleam': 'pub fn main() {\n}\n' }),
  );
  expect(service).toMatchObject({ kind: 'job', commands: { start: 'gleam run --target javascript' } });
});

test('Swift: a route is a path whether it is written with its slash or not', async () => {
  const { proof } = await found(detectSwift, fixture('swift-vapor'));
  expect(proof.paths).toEqual([{ path: '/health', from: 'Sources/App/routes.swift:5' }]);
});

test('Swift: an application for a phone is not run', async () => {
  const service = await found(
    detectSwift,
    scratch({
      'Package.swift':
        '// swift-tools-version:5.5\nlet package = Package(name: "Phone", targets: [.target(name: "Phone")])\n',
      'Sources/Phone/View.swift': 'import SwiftUI\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'library', commands: { start: null } });
  expect(claims(service).join()).toContain("made for Apple's systems");
});

test('Zig: a package of modules is a library', async () => {
  const build = 'pub fn build(b: *B) void {\n  _ = b.addModule("x", .{});\n  const t = b.step("test", "Run");\n}\n';
  expect(await found(detectZig, scratch({ 'build.zig': build }))).toMatchObject({
    kind: 'library',
    proof: { command: 'zig build test' },
  });
});

test('Crystal: the shard of a server without targets is compiled by itself', async () => {
  const service = await found(
    detectCrystal,
    scratch({
      'shard.yml': 'name: ping\nversion: 0.1.0\n',
      'src/ping.cr':
        'require "http/server"\nserver = HTTP::Server.new { |c| c.response.print "pong" }\nserver.bind_tcp "127.0.0.1", ENV.fetch("PORT", "8199").to_i\nserver.listen\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'web-service', framework: null, commands: { start: './bin/ping' } });
  expect(service.ports).toEqual([{ number: 8199, from: 'src/ping.cr:3' }]);
});

test('Dart: Flutter without a web folder has nothing to serve', async () => {
  const service = await found(
    detectDart,
    scratch({
      'pubspec.yaml': 'name: a\ndependencies:\n  flutter:\n    sdk: flutter\n',
      'lib/main.dart': 'void main() {}\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'unknown', commands: { start: null } });
});

test('Haskell: a package without a program is a library', async () => {
  const service = await found(
    detectHaskell,
    scratch({
      'a.cabal': 'name: a\nversion: 1\nlibrary\n  build-depends: base\ntest-suite t\n  type: exitcode-stdio-1.0\n',
    }),
  );
  expect(service).toMatchObject({ kind: 'library', commands: { install: [] }, proof: { command: 'cabal test all' } });
});

test("Scala: Play's secret is what its configuration asks for, its routes what is tried", async () => {
  const service = await found(detectScala, fixture('scala-play'));
  expect(service.env).toEqual([
    { name: 'APPLICATION_SECRET', required: true, secret: true, default: null, from: 'conf/application.conf:3' },
  ]);
  expect(service.proof.paths).toEqual([
    { path: '/', from: 'conf/routes:2' },
    { path: '/books', from: 'conf/routes:4' },
  ]);
});

test('COBOL: free form is said to the compiler, and only calls with parameters are subprograms', async () => {
  const service = await found(
    detectCobol,
    scratch({
      'hello.cob': 'IDENTIFICATION DIVISION.\nPROGRAM-ID. hello.\nPROCEDURE DIVISION.\nDISPLAY "hello".\nSTOP RUN.\n',
    }),
  );
  expect(service).toMatchObject({
    kind: 'job',
    commands: { build: ['mkdir -p bin && cobc -x -free -o bin/hello hello.cob'], start: './bin/hello' },
  });
});

test('a notebook of another language than Python is named, not run', async () => {
  const root = scratch({ 'plot.ipynb': '{"cells": [],\n "metadata": {"kernelspec": {"language": "R"}}}' });
  const { chosen, notes } = detect(await openTree(root), { repository: root });
  expect(chosen).toEqual([]);
  expect(notes).toContain("plot.ipynb:2: the notebook's kernel is of R; only those of Python are run");
});

const files = [
  ['CMakeLists.txt', 'main.c'],
  ['meson.build', 'main.cpp'],
  ['Makefile', 'a.c'],
  ['mix.exs', 'lib/a.ex'],
  ['gleam.toml', 'src/a.gleam'],
  ['Package.swift', 'Sources/A/main.swift'],
  ['build.zig', 'src/main.zig'],
  ['shard.yml', 'src/a.cr'],
  ['pubspec.yaml', 'bin/a.dart'],
  ['a.cabal', 'Main.hs'],
  ['build.sbt', 'Main.scala'],
  ['project.clj', 'src/a.clj'],
  ['deps.edn', 'src/a.clj'],
  ['a.cbl', 'b.cbl'],
] as const;
const pieces = [
  '(',
  'a(',
  'add_executable(a ',
  '"',
  "'",
  '{',
  'a: b ',
  '\\\n',
  ' ',
  ':run {',
  '.addExecutable(.{',
  'port = ',
  'get ',
  'build-depends: a,\n ',
  '$(A) ',
  'PROGRAM-ID. ',
];

test.each(pieces)('a manifest and a source of %j over and over are read in time', async (piece) => {
  const long = piece.repeat(60_000 / piece.length);
  // What makes each a manifest of its language stands before it.
  const begins: Record<string, string> = {
    'CMakeLists.txt': 'project(a C)\n',
    'meson.build': "project('a')\n",
    'mix.exs': 'use Mix.Project app: :a\n',
    'Package.swift': 'Package(name: "a"\n',
    'a.cabal': 'name: a\n',
    'project.clj': '(defproject a "1"\n',
  };
  for (const [manifest, source] of files) {
    const root = scratch({ [manifest]: `${begins[manifest] ?? ''}${long}`, [source]: long });
    const begun = performance.now();
    detect(await openTree(root), { repository: root });
    expect(performance.now() - begun, manifest).toBeLessThan(5_000);
  }
});
