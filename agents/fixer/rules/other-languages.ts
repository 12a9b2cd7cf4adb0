/** Go, Rust, Ruby, PHP and Java: modules and locks, versions of their tools, keys of their frameworks. */
import type { Action } from '../contract.js';
import { before, installOf, rewriteStep } from './commands.js';
import { addInstall, type Case, env, languageIs, overlayFile, type Rule, runCommand, useCopy } from './rule.js';

const isGo = languageIs('go');
/** The repository's root, above a service's own folder. */
const rootOf = ({ cwd, service: { path } }: Case['heal']): string =>
  path !== '.' && cwd.endsWith(`/${path}`) ? cwd.slice(0, -path.length - 1) : cwd;
const isRust = languageIs('rust');
const isRuby = languageIs('ruby');
const isPhp = languageIs('php');
const isJava = languageIs('java', 'kotlin');
const onCopy = (actions: Action[]): Action[] => (actions.length === 0 ? [] : [...actions, useCopy]);
const goWanted = ({ match }: Case): string => match.slice(1).find((one) => one !== undefined) ?? '';
const moduleName = ({ heal }: Case): string =>
  `example.com/${heal.service.name.toLowerCase().replace(/[^a-z0-9-]+/g, '-') || 'app'}`;
const crate = ({ text }: Case): string => /package `([\w-]+) v/.exec(text)?.[1] ?? 'a crate';
const bundlerWanted = ({ text }: Case): string | null =>
  /Could not find 'bundler' \(([\d.]+)\)/.exec(text)?.[1] ?? /requires? bundler ([\d.]+)/.exec(text)?.[1] ?? null;

export const otherLanguages: readonly Rule[] = [
  {
    id: 'go-sum',
    about: 'go.sum lacks entries for what go.mod asks for',
    steps: ['deps', 'build', 'start'],
    signature: [
      /missing go\.sum entry/,
      /updates to go\.(?:mod|sum) needed/,
      /go: go\.mod file indicates|inconsistent vendoring/,
      /no required module provides package ([\w./-]+)/,
    ],
    guard: isGo,
    cause: () => 'go.mod and go.sum do not have all that the code asks for',
    does: ['set-command', 'use-copy'],
    actions: (found) => onCopy(before(found, 'go mod tidy')),
    key: () => 'tidy',
    proves: 'the step ends with 0',
  },
  {
    id: 'go-no-module',
    about: 'the code is older than the modules of Go: there is no go.mod',
    steps: ['deps', 'build', 'start'],
    signature: [
      /go\.mod file not found in current directory/,
      /cannot find main module/,
      /directory prefix \S+ does not contain main module/,
    ],
    guard: (found) => isGo(found) && !found.look.files.includes('go.mod'),
    cause: () => 'there is no go.mod: the code is older than the modules of Go',
    does: ['set-command', 'use-copy'],
    actions: (found) => onCopy(before(found, `go mod init ${moduleName(found)} && go mod tidy`)),
    key: () => 'go.mod',
    proves: 'the step ends with 0',
  },
  {
    id: 'go-version',
    about: 'the module wants a newer Go',
    steps: ['deps', 'build', 'start'],
    signature: [
      /module requires Go ([\d.]+)/,
      /requires go >= ?([\d.]+)/,
      /invalid go version '([\d.]+)'/,
      /unknown directive: (toolchain)/,
      /package \w+ is not in (?:GOROOT|std)/,
    ],
    guard: (found) => isGo(found) && !found.heal.overlay.relaxed.includes('go'),
    cause: (found) => `the module wants go ${/\d/.test(goWanted(found)) ? goWanted(found) : '1.21 or newer'}`,
    does: ['choose-version'],
    actions: (found) => {
      const said = /\d/.test(goWanted(found))
        ? goWanted(found)
        : (/^go (\d[\d.]*)/m.exec(found.look.texts['go.mod'] ?? '')?.[1] ?? '1.21');
      return [{ do: 'choose-version', tool: 'go', want: `>=${said}` }];
    },
    key: goWanted,
    proves: 'the step ends with 0 on that version',
  },
  {
    id: 'go-directive',
    about: 'go.mod is written for a newer Go than is to be had',
    steps: ['deps', 'build', 'start'],
    signature: [
      /module requires Go ([\d.]+)/,
      /requires go >= ?([\d.]+)/,
      /invalid go version '([\d.]+)'/,
      /unknown directive: (toolchain)/,
    ],
    after: ['go-version'],
    guard: (found) => isGo(found) && /^(?:go \d+\.\d+\.\d+|toolchain )/m.test(found.look.texts['go.mod'] ?? ''),
    cause: () => 'go.mod is written for a newer Go; its version is lowered in a copy (degraded)',
    does: ['write-overlay-file'],
    actions: (found) => [
      overlayFile(
        'go.mod',
        (found.look.texts['go.mod'] ?? '').replace(/^go (\d+\.\d+)\.\d+.*$/m, 'go $1').replace(/^toolchain .*\n?/m, ''),
      ),
    ],
    key: () => 'go.mod',
    proves: 'the step ends with 0 with the Go there is',
  },
  {
    id: 'go-vendor',
    about: 'no proxy of Go modules answers, and the repository brings its modules along',
    steps: ['deps', 'build', 'start'],
    signature: [
      /dial tcp[^\n]*proxy\.golang\.org/,
      /proxy\.golang\.org[^\n]*(?:no such host|timeout|refused|Forbidden)/,
      /module lookup disabled by GOPROXY=off/,
    ],
    guard: (found) => isGo(found) && found.heal.service.evidence.some(({ file }) => file?.startsWith('vendor/')),
    cause: () => 'no proxy of Go modules answers; the modules in vendor/ are used',
    does: ['set-env'],
    actions: () => [env('GOFLAGS', '-mod=vendor'), env('GOPROXY', 'off')],
    key: () => 'vendor',
    proves: 'the build ends with 0',
  },
  {
    id: 'cgo-off',
    about: 'Go calls a C compiler, and there is none; most programs do without',
    steps: ['build', 'start'],
    signature: [
      /cgo: C compiler "[\w+.-]+" not found/,
      /could not import C \(no metadata/,
      /exec: "(?:gcc|cc|clang)": executable file not found/,
    ],
    guard: isGo,
    cause: () => 'a C compiler is called and there is none; the program is built without C',
    does: ['set-env'],
    actions: () => [env('CGO_ENABLED', '0')],
    key: () => 'cgo',
    proves: 'the build ends with 0 and the program runs',
  },
  {
    id: 'cargo-workspace',
    about: 'cargo takes the crate for part of a workspace that stands around it',
    steps: ['deps', 'build', 'start'],
    signature: [
      /current package believes it's in a workspace when it's not/,
      // A workspace that is broken is not the repository's own: it stands outside of it.
      /failed to load manifest for workspace member [^\n]*\s+referenced (?:by|via) workspace at `([^`\n]+)\/Cargo\.toml`/,
    ],
    guard: ({ match, heal, look }) =>
      heal.service.language === 'rust' &&
      look.texts['Cargo.toml'] !== undefined &&
      (match[1] === undefined || !`${match[1]}/`.startsWith(`${rootOf(heal)}/`)),
    cause: () => 'a Cargo.toml above the repository takes it for a part of its own',
    does: ['write-overlay-file'],
    actions: (found) => [overlayFile('Cargo.toml', `${found.look.texts['Cargo.toml']!.trimEnd()}\n\n[workspace]\n`)],
    key: () => 'workspace',
    proves: 'the build ends with 0',
  },
  {
    id: 'cargo-lock-drift',
    about: 'Cargo.lock does not match Cargo.toml',
    steps: ['deps', 'build', 'start'],
    signature: [
      /the lock file \S+ needs to be updated but --(?:locked|frozen) was passed/,
      /cannot (?:update|create) the lock file[^\n]*--locked/,
    ],
    guard: isRust,
    cause: () => 'Cargo.lock does not match Cargo.toml',
    does: ['set-command', 'use-copy'],
    actions: (found) => onCopy(rewriteStep(found, (line) => line.replace(/ --(?:locked|frozen)\b/g, ''))),
    key: () => 'Cargo.lock',
    proves: 'the build ends with 0',
  },
  {
    id: 'rust-version',
    about: 'a crate wants a newer Rust',
    steps: ['deps', 'build', 'start'],
    signature: [
      /requires rustc ([\d.]+)/,
      /rustc [\d.]+ is not supported by the following packages?[\s\S]{0,300}?requires rustc ([\d.]+)/,
      /feature `(edition2024)` is required/,
      /cannot be built because it requires rustc ([\d.]+)/,
    ],
    guard: (found) => isRust(found) && !found.heal.overlay.relaxed.includes('rust'),
    cause: (found) =>
      `${crate(found)} wants rust ${found.match[1] === 'edition2024' ? '1.85' : (found.match[1] ?? '')} or newer`,
    does: ['choose-version'],
    actions: ({ match }) => [
      { do: 'choose-version', tool: 'rust', want: `>=${match[1] === 'edition2024' ? '1.85' : match[1]}` },
    ],
    proves: 'the build ends with 0 on that version',
  },
  {
    id: 'ruby-version',
    about: 'the Gemfile asks for one version of Ruby, and another is here',
    steps: ['deps', 'build', 'start'],
    signature: [/Your Ruby version is [\d.]+, but your Gemfile specified ([^\n]+)/],
    guard: (found) => isRuby(found) && !found.heal.overlay.relaxed.includes('ruby'),
    cause: ({ match }) => `the Gemfile wants ruby ${match[1]!.trim()}`,
    does: ['choose-version'],
    actions: ({ match }) => [{ do: 'choose-version', tool: 'ruby', want: match[1]!.trim() }],
    key: ({ match }) => match[1]!,
    proves: 'the install ends with 0 on that version',
  },
  {
    id: 'ruby-relaxed',
    about: 'the Ruby that the Gemfile asks for is not to be had',
    steps: ['deps', 'build', 'start'],
    signature: [/Your Ruby version is ([\d.]+), but your Gemfile specified ([^\n]+)/],
    after: ['ruby-version'],
    guard: (found) => isRuby(found) && /^\s*ruby\b/m.test(found.look.texts.Gemfile ?? ''),
    cause: ({ match }) =>
      `ruby ${match[2]!.trim()} is not to be had; the Gemfile's demand is dropped in a copy, and ${match[1]} runs it (degraded)`,
    does: ['write-overlay-file'],
    actions: (found) => [overlayFile('Gemfile', found.look.texts.Gemfile!.replace(/^\s*ruby\b.*$/gm, ''))],
    key: () => 'ruby',
    proves: 'the application answers on the Ruby there is',
  },
  {
    id: 'bundler-version',
    about: 'Gemfile.lock was written by a bundler that is not installed',
    steps: ['deps', 'build', 'start'],
    signature: [
      /Could not find 'bundler' \([\d.]+\)/,
      /Your lockfile (?:requires|was generated by|is unresolvable)[^\n]*bundler/i,
    ],
    guard: (found) => isRuby(found) && bundlerWanted(found) !== null,
    cause: (found) => `Gemfile.lock was written by bundler ${bundlerWanted(found)}, which is not installed`,
    does: ['set-command'],
    actions: (found) => before(found, `gem install --user-install --no-document bundler -v ${bundlerWanted(found)}`),
    key: (found) => bundlerWanted(found)!,
    proves: 'the install ends with 0',
  },
  {
    id: 'gems-missing',
    about: 'gems of the Gemfile are not installed',
    steps: ['build', 'start', 'prove'],
    signature: [
      /Could not find [^\n]+ in (?:any of the sources|locally installed gems)/,
      /Bundler::GemNotFound/,
      /Run `bundle install` to install missing gems/,
    ],
    guard: isRuby,
    cause: () => 'gems of the Gemfile are not installed',
    does: ['add-install'],
    actions: () => [addInstall('bundle install')],
    key: () => 'bundle install',
    proves: 'the application starts',
  },
  {
    id: 'composer-missing',
    about: 'the packages of composer.json are not installed',
    steps: ['build', 'start', 'prove'],
    signature: [/vendor\/autoload\.php/],
    guard: (found) => isPhp(found) && /Failed to open stream|Failed opening required|No such file/.test(found.text),
    cause: () => 'the packages of composer.json are not installed',
    does: ['add-install'],
    actions: () => [addInstall('composer install --no-interaction --no-progress')],
    key: () => 'composer install',
    proves: 'the application starts',
  },
  {
    id: 'php-platform',
    about: 'a package of PHP asks for an extension that this PHP came without',
    steps: ['deps'],
    signature: [
      /(?:requires|require) (?:PHP extension )?(ext-[\w-]+)[^\n]*(?:is missing|it is missing|missing from your system)/,
      /the requested PHP extension ([\w-]+) is missing/,
    ],
    guard: (found) => isPhp(found) && installOf(found).some((line) => /\bcomposer install\b/.test(line)),
    cause: ({ match }) =>
      `${match[1]!.replace(/^ext-/, '')} is an extension that this PHP came without; packages are installed all the same (degraded)`,
    does: ['set-command'],
    actions: (found) =>
      rewriteStep(found, (line) =>
        line.includes('--ignore-platform-req')
          ? line
          : line.replace(/\bcomposer install\b/, "composer install --ignore-platform-req='ext-*'"),
      ),
    proves: 'the install ends with 0, and the application answers without it',
  },
  {
    id: 'laravel-key',
    about: 'Laravel has no key of its own: .env has not been made',
    steps: ['build', 'start', 'prove'],
    signature: [/No application encryption key has been specified/, /MissingAppKeyException/],
    guard: isPhp,
    cause: () => 'Laravel has no key: its .env has not been made',
    does: ['run-command', 'use-copy'],
    actions: (found) => [
      ...(found.look.files.includes('.env.example') && !found.look.files.includes('.env')
        ? [runCommand('cp -n .env.example .env')]
        : []),
      runCommand('php artisan key:generate --force'),
      useCopy,
    ],
    key: () => 'key:generate',
    proves: 'the page answers',
  },
  {
    id: 'java-version',
    about: 'the code wants another version of Java',
    steps: ['deps', 'build', 'start'],
    signature: [
      /Unsupported class file major version (\d+)/,
      /invalid (?:source|target) release: ([\d.]+)/,
      /release version ([\d.]+) not supported/,
      /class file version (\d+)\.0\), this version of the Java Runtime/,
    ],
    guard: (found) => isJava(found) && !found.heal.overlay.relaxed.includes('java'),
    cause: (found) => `the code wants java ${wantedJava(found)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'java', want: wantedJava(found) }],
    key: (found) => wantedJava(found),
    proves: 'the build ends with 0 on that version',
  },
  {
    id: 'maven-offline',
    about: 'Maven cannot reach its repository; what it has from before may be all that is asked for',
    steps: ['deps', 'build', 'start'],
    signature: [
      /Could not (?:transfer artifact|resolve dependencies)[^\n]*(?:repo\.maven|repo1\.maven|Unknown host|Network is unreachable|timed out|Connection refused)/,
      /Unknown host repo\.maven\.apache\.org/,
    ],
    // One that is told to stay offline has looked already.
    guard: (found) => isJava(found) && !/in offline mode/.test(found.text),
    cause: () => 'the repository of Maven does not answer; what it has from before is used',
    does: ['set-command'],
    actions: (found) =>
      rewriteStep(found, (line) => (/ -o\b/.test(line) ? line : line.replace(/\b(mvnw?|\.\/mvnw)\b/, '$1 -o'))),
    key: () => 'offline',
    proves: 'the build ends with 0',
  },
  {
    id: 'wrapper-missing',
    about: 'the wrapper of gradle or maven is not whole; the tool itself may be there',
    steps: ['deps', 'build', 'start'],
    signature: [
      /Could not find or load main class org\.gradle\.wrapper/,
      /Unable to access jarfile [^\n]*gradle-wrapper\.jar/,
      /(?:maven-wrapper\.jar|MavenWrapperMain)[^\n]*(?:not|Could)/,
    ],
    guard: isJava,
    cause: () => 'the wrapper that brings the build tool is not whole; the tool itself is called',
    does: ['set-command'],
    actions: (found) =>
      rewriteStep(found, (line) => line.replace(/(?:\.\/)?gradlew\b/, 'gradle').replace(/(?:\.\/)?mvnw\b/, 'mvn')),
    key: () => 'wrapper',
    proves: 'the build ends with 0',
  },
  {
    id: 'spring-port',
    about: 'Spring takes the port of its settings, and that is not free',
    steps: ['start', 'prove'],
    signature: [/Web server failed to start\. Port (\d+) was already in use/],
    guard: (found) => isJava(found) && found.heal.port !== null,
    cause: ({ match }) => `Spring wants port ${match[1]}, which is not free`,
    does: ['set-env'],
    actions: ({ heal }) => [env('SERVER_PORT', String(heal.port))],
    key: ({ match }) => match[1]!,
    proves: 'the application listens on the port it was leased',
  },
];
function wantedJava(found: Case): string {
  return /class file/.test(found.match[0]) ? String(Number(found.match[1]) - 44) : found.match[1]!.replace(/^1\./, '');
}
