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
  | 'ninja';

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
};
