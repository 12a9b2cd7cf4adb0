/** What is known of each tool: its programs, how it tells its version, and what a person does to get it. */
import type { Scheme } from './range.js';

export type ToolName =
  | 'node'
  | 'npm'
  | 'pnpm'
  | 'yarn'
  | 'bun'
  | 'deno'
  | 'python'
  | 'uv'
  | 'poetry'
  | 'pdm'
  | 'pipenv'
  | 'go'
  | 'php'
  | 'composer'
  | 'ruby'
  | 'bundler'
  | 'rust'
  | 'java'
  | 'maven'
  | 'gradle'
  | 'dotnet'
  | 'cc'
  | 'c++'
  | 'make'
  | 'cmake'
  | 'meson'
  | 'ninja'
  | 'elixir'
  | 'erlang'
  | 'gleam'
  | 'swift'
  | 'zig'
  | 'crystal'
  | 'dart'
  | 'flutter'
  | 'ghc'
  | 'cabal'
  | 'stack'
  | 'sbt'
  | 'scala-cli'
  | 'clojure'
  | 'leiningen'
  | 'cobc';

export interface About {
  scheme: Scheme;
  /** Names of its main program, best first; a `*` stands for a version in the name. */
  programs: string[];
  /** Programs that belong beside it, where there are such. */
  beside: string[];
  versionArgs: string[];
  /** What the version follows in what it prints. */
  versionAfter: RegExp;
  /** How a person gets it; `{v}` is the version wanted. */
  fix: string;
}

const about = (program: string, fix: string, more: Partial<About> = {}): About => ({
  scheme: 'npm',
  programs: [program],
  beside: [],
  versionArgs: ['--version'],
  versionAfter: /^/,
  fix,
  ...more,
});
const orRegistry = 'or let npm reach its registry';

export const tools: Record<ToolName, About> = {
  node: about('node', `install Node.js {v} (nvm install {v}, or from your system), ${orRegistry}`, {
    beside: ['npm', 'npx'],
  }),
  npm: about('npm', `install npm {v} (it comes with Node.js), ${orRegistry}`, { beside: ['npx'] }),
  pnpm: about('pnpm', `install pnpm {v} (npm install -g "pnpm@{v}"), ${orRegistry}`, { beside: ['pnpx'] }),
  yarn: about('yarn', `install Yarn {v} (version 1: npm install -g yarn), ${orRegistry}`, { beside: ['yarnpkg'] }),
  bun: about('bun', `install Bun {v} (npm install -g "bun@{v}"), ${orRegistry}`, { beside: ['bunx'] }),
  deno: about('deno', `install Deno {v} (npm install -g "deno@{v}"), ${orRegistry}`),
  python: about(
    'python3',
    'install Python {v} (pyenv install, uv python install, or from your system: apt-get install python3 python3-venv)',
    { scheme: 'python', programs: ['python3', 'python', 'python3.*'], versionAfter: /Python\s+/ },
  ),
  uv: about('uv', 'install uv {v} (pipx install uv)'),
  poetry: about('poetry', 'install Poetry {v} (pipx install poetry)'),
  pdm: about('pdm', 'install PDM {v} (pipx install pdm)'),
  pipenv: about('pipenv', 'install Pipenv {v} (pipx install pipenv)'),
  go: about('go', 'install Go {v} or newer (Debian: apt-get install golang-go; macOS: brew install go)', {
    scheme: 'minimum',
    beside: ['gofmt'],
    versionArgs: ['version'],
    versionAfter: /\bgo(?=\d)/,
  }),
  php: about('php', 'install PHP {v} (Debian: apt-get install php-cli; macOS: brew install php)', {
    scheme: 'composer',
    programs: ['php', 'php8*', 'php7*'],
    versionArgs: ['-n', '--version'],
    versionAfter: /PHP\s+/,
  }),
  composer: about('composer', 'install Composer {v} (Debian: apt-get install composer; macOS: brew install composer)', {
    scheme: 'composer',
    versionArgs: ['--version', '--no-ansi', '--no-plugins'],
    versionAfter: /Composer (?:version )?/,
  }),
  ruby: about('ruby', 'install Ruby {v} (rbenv install, or from your system: apt-get install ruby-full)', {
    scheme: 'ruby',
    programs: ['ruby', 'ruby3*', 'ruby2*'],
    beside: ['gem', 'bundle', 'bundler', 'rake', 'irb', 'erb'],
    versionAfter: /ruby\s+/,
  }),
  bundler: about('bundle', 'install Bundler {v} (gem install bundler)', { scheme: 'ruby', beside: ['bundler'] }),
  rust: about('cargo', 'install Rust {v} or newer (rustup toolchain install {v})', {
    scheme: 'minimum',
    beside: ['rustc', 'rustdoc', 'rustfmt', 'cargo-fmt', 'cargo-clippy', 'clippy-driver'],
  }),
  java: about('java', 'install a JDK {v} or newer (sdk install java; Debian: apt-get install default-jdk-headless)', {
    scheme: 'java',
    beside: ['javac', 'jar', 'javadoc', 'jshell', 'jlink', 'keytool'],
    versionArgs: ['-version'],
    versionAfter: /version\s+"/,
  }),
  maven: about('mvn', 'install Maven {v} (Debian: apt-get install maven), or add the wrapper mvnw to the repository', {
    versionAfter: /Apache Maven\s+/,
  }),
  gradle: about('gradle', 'install Gradle {v} (sdk install gradle), or add the wrapper gradlew to the repository', {
    versionAfter: /Gradle\s+/,
  }),
  dotnet: about('dotnet', 'install the .NET SDK {v} (https://dotnet.microsoft.com/download)', { scheme: 'dotnet' }),
  cc: about('cc', 'install a C compiler (Debian: apt-get install build-essential; macOS: xcode-select --install)', {
    programs: ['cc', 'gcc', 'clang'],
    beside: ['gcc', 'clang', 'cpp', 'ar', 'ranlib'],
    scheme: 'minimum',
  }),
  'c++': about(
    'c++',
    'install a C++ compiler (Debian: apt-get install build-essential; macOS: xcode-select --install)',
    {
      programs: ['c++', 'g++', 'clang++'],
      beside: ['g++', 'clang++', 'cc', 'gcc', 'clang', 'cpp', 'ar', 'ranlib'],
      scheme: 'minimum',
    },
  ),
  make: about('make', 'install make (Debian: apt-get install build-essential; macOS: xcode-select --install)', {
    programs: ['make', 'gmake'],
    scheme: 'minimum',
  }),
  cmake: about('cmake', 'install CMake {v} (Debian: apt-get install cmake; macOS: brew install cmake)', {
    beside: ['ctest', 'cpack'],
  }),
  meson: about('meson', 'install Meson {v} (pipx install meson; Debian: apt-get install meson)'),
  ninja: about('ninja', 'install Ninja {v} (Debian: apt-get install ninja-build; macOS: brew install ninja)'),
  elixir: about(
    'elixir',
    'install Elixir {v} (asdf install elixir; Debian: apt-get install elixir; macOS: brew install elixir)',
    {
      scheme: 'composer',
      beside: ['mix', 'iex', 'elixirc'],
      versionAfter: /Elixir\s+/,
    },
  ),
  erlang: about(
    'erl',
    'install Erlang/OTP {v} (asdf install erlang; Debian: apt-get install erlang-nox; macOS: brew install erlang)',
    {
      scheme: 'minimum',
      beside: ['erlc', 'escript', 'epmd'],
      versionArgs: ['-noshell', '-eval', 'io:format("OTP ~s~n",[erlang:system_info(otp_release)]),halt().'],
      versionAfter: /OTP\s+/,
    },
  ),
  gleam: about('gleam', 'install Gleam {v} (https://gleam.run/getting-started/installing; macOS: brew install gleam)', {
    scheme: 'composer',
  }),
  swift: about(
    'swift',
    'install Swift {v} (https://www.swift.org/install; Debian: apt-get install swiftlang; macOS: xcode-select --install)',
    {
      scheme: 'minimum',
      beside: ['swiftc', 'swift-build', 'swift-run', 'swift-test', 'swift-package'],
      versionAfter: /Swift version\s+/,
    },
  ),
  zig: about('zig', 'install Zig {v} (https://ziglang.org/download; macOS: brew install zig)', {
    versionArgs: ['version'],
  }),
  crystal: about('crystal', 'install Crystal {v} (https://crystal-lang.org/install; macOS: brew install crystal)', {
    scheme: 'composer',
    beside: ['shards'],
    versionAfter: /Crystal\s+/,
  }),
  dart: about('dart', 'install the Dart SDK {v} (https://dart.dev/get-dart; macOS: brew install dart)', {
    versionAfter: /Dart SDK version:\s*/,
  }),
  flutter: about('flutter', 'install Flutter {v} (https://docs.flutter.dev/get-started/install)', {
    beside: ['dart'],
    versionAfter: /Flutter\s+/,
  }),
  ghc: about('ghc', 'install GHC {v} (ghcup install ghc {v}; Debian: apt-get install ghc)', {
    beside: ['ghc-pkg', 'runghc', 'runhaskell', 'hsc2hs'],
    versionAfter: /version\s+/,
  }),
  cabal: about('cabal', 'install cabal {v} (ghcup install cabal; Debian: apt-get install cabal-install)', {
    versionAfter: /version\s+/,
  }),
  stack: about('stack', 'install Stack {v} (ghcup install stack; Debian: apt-get install haskell-stack)', {
    versionAfter: /Version\s+/,
  }),
  sbt: about('sbt', 'install sbt {v} (sdk install sbt; https://www.scala-sbt.org/download)', {
    scheme: 'minimum',
    // It would load a project, and fetch, to tell its version in full.
    versionArgs: ['--script-version'],
  }),
  'scala-cli': about(
    'scala-cli',
    'install scala-cli {v} (sdk install scalacli; https://scala-cli.virtuslab.org/install)',
    {
      versionArgs: ['version', '--cli-version'],
    },
  ),
  clojure: about(
    'clojure',
    "install Clojure's tools {v} (https://clojure.org/guides/install_clojure; macOS: brew install clojure/tools/clojure)",
    {
      beside: ['clj'],
      versionAfter: /CLI version\s+/,
    },
  ),
  leiningen: about('lein', 'install Leiningen {v} (https://leiningen.org; Debian: apt-get install leiningen)', {
    versionAfter: /Leiningen\s+/,
  }),
  cobc: about('cobc', 'install GnuCOBOL {v} (Debian: apt-get install gnucobol; macOS: brew install gnucobol)', {
    scheme: 'minimum',
    beside: ['cobcrun', 'cob-config'],
    versionAfter: /GnuCOBOL\)?\s+/,
  }),
};
