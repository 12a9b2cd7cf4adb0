/** What only the machine can give: compilers, headers, libraries, disk. Named with the package that has it. */
import { fail } from '../../../runtime/errors.js';
import type { Case, Rule } from './rule.js';

const HEADERS: readonly [RegExp, string[]][] = [
  [
    /^(cairo|pangocairo|pango|pangoft2)/,
    ['libcairo2-dev', 'libpango1.0-dev', 'libjpeg-dev', 'libgif-dev', 'librsvg2-dev'],
  ],
  [/^pixman/, ['libpixman-1-dev']],
  [/^vips/, ['libvips-dev']],
  [/^(libpq|libpq-fe\.h|pg_config)/, ['libpq-dev']],
  [/^(mysql|mariadb)/, ['default-libmysqlclient-dev', 'pkg-config']],
  [/^Python\.h/, ['python3-dev']],
  [/^(ffi|libffi)/, ['libffi-dev']],
  [/^(openssl|libssl|libcrypto)/, ['libssl-dev', 'pkg-config']],
  [/^(jpeglib\.h|libjpeg|jpeg)/, ['libjpeg-dev']],
  [/^(png\.h|libpng)/, ['libpng-dev']],
  [/^(zlib)/, ['zlib1g-dev']],
  [/^(libxml|libxml2|xmlversion\.h)/, ['libxml2-dev', 'libxslt1-dev']],
  [/^(libxslt)/, ['libxslt1-dev']],
  [/^(sqlite3?)/, ['libsqlite3-dev']],
  [/^(yaml\.h|libyaml)/, ['libyaml-dev']],
  [/^(curl|libcurl)/, ['libcurl4-openssl-dev']],
  [/^(ldap\.h|lber\.h)/, ['libldap2-dev', 'libsasl2-dev']],
  [/^(X11|xkb)/, ['libx11-dev']],
  [/^(sasl)/, ['libsasl2-dev']],
  [/^(gssapi|krb5)/, ['libkrb5-dev']],
  [/^(portaudio)/, ['portaudio19-dev']],
  [/^(usb|libusb)/, ['libusb-1.0-0-dev']],
  [/^(udev|libudev)/, ['libudev-dev']],
  [/^(alsa)/, ['libasound2-dev']],
  [/^(glib|gobject)/, ['libglib2.0-dev']],
  [/^(gtk)/, ['libgtk-3-dev']],
  [/^(webkit2gtk)/, ['libwebkit2gtk-4.1-dev']],
  [/^(protobuf)/, ['libprotobuf-dev', 'protobuf-compiler']],
];
const LIBRARIES: readonly [RegExp, string][] = [
  [/^libGL\.so/, 'libgl1'],
  [/^libg(lib|thread|object|io)-2\.0\.so/, 'libglib2.0-0'],
  [/^libpq\.so/, 'libpq5'],
  [/^libgomp\.so/, 'libgomp1'],
  [/^libatomic\.so/, 'libatomic1'],
  [/^libssl\.so\.1\.1|^libcrypto\.so\.1\.1/, 'libssl1.1'],
  [/^libssl\.so|^libcrypto\.so/, 'libssl3'],
  [/^libstdc\+\+\.so/, 'libstdc++6'],
  [/^libnss3\.so|^libnspr4/, 'libnss3'],
  [/^libatk(-bridge)?/, 'libatk-bridge2.0-0'],
  [/^libcups/, 'libcups2'],
  [/^libdrm/, 'libdrm2'],
  [/^libgbm/, 'libgbm1'],
  [/^libxkbcommon/, 'libxkbcommon0'],
  [/^libasound/, 'libasound2'],
  [/^libX11/, 'libx11-6'],
  [/^libXrender/, 'libxrender1'],
  [/^libSM\.so/, 'libsm6'],
  [/^libXext/, 'libxext6'],
  [/^libpango/, 'libpango-1.0-0'],
  [/^libcairo/, 'libcairo2'],
  [/^libmagic/, 'libmagic1'],
  [/^libmysqlclient|^libmariadb/, 'libmariadb3'],
  [/^libsqlite3/, 'libsqlite3-0'],
  [/^libffi\.so/, 'libffi8'],
  [/^libvips/, 'libvips42'],
];
const packagesFor = (name: string): string[] => HEADERS.find(([pattern]) => pattern.test(name))?.[1] ?? [];
const libraryFor = (name: string): string | null => LIBRARIES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
const header = ({ match }: Case): string => match.slice(1).find((one) => one !== undefined) ?? 'a header';

const MISSING_HEADER = [
  /fatal error: ([\w+./-]+\.(?:h|hpp|hh)): No such file or directory/,
  /Package '?([\w.+-]+)'?,? (?:required by '[^'\n]*', )?(?:was not|not) found(?: in the pkg-config search path)?/,
  /No package '([\w.+-]+)' found/,
  /[Cc]ould not find directory of (OpenSSL|openssl) installation/,
  /The system library `([\w.+-]+)` required by crate/,
  /(pg_config) executable not found/,
  /(mysql_config)(?: executable)?:? not found|Can not find valid (pkg-config) name|Specify MYSQLCLIENT_CFLAGS/,
  /The headers or library files could not be found for (\w+)/,
  /Error: Please make sure the (libxml2) and libxslt development packages/,
];
const MISSING_LIBRARY = [
  /(?:ImportError|OSError|Error)?:? ?(lib[\w.+-]+\.so(?:\.[\d.]+)?): cannot open shared object file/,
  /error while loading shared libraries: (lib[\w.+-]+\.so(?:\.[\d.]+)?)/,
  /Prisma cannot find the required `?(libssl)`?/,
  /Host system is missing dependencies to run browsers[\s\S]{0,800}?(lib[\w.+-]+\.so[.\d]*|lib[\w.+-]+)/,
];
const normal = (name: string): string => (name === 'OpenSSL' ? 'openssl' : name === 'mysql_config' ? 'mysql' : name);

/** Where packages can be had without a change to the system: those. Elsewhere they are what the verdicts name. */
export const systemRepairs: readonly Rule[] = [
  {
    id: 'headless-opencv',
    about: 'opencv for desktops wants libraries of a screen, and no screen is here',
    steps: ['build', 'start', 'prove'],
    signature: [/(libGL\.so\.1|libgthread-2\.0\.so\.0): cannot open shared object file/],
    guard: ({ heal, text }) => heal.service.language === 'python' && /cv2/.test(text),
    cause: ({ match }) => `opencv wants ${match[1]}, which belongs to a screen; its build without one does as well`,
    does: ['add-install'],
    actions: () => [
      {
        do: 'add-install',
        command:
          '.venv/bin/python -m pip uninstall -y opencv-python opencv-contrib-python && .venv/bin/python -m pip install opencv-python-headless',
      },
    ],
    key: () => 'headless',
    proves: 'the module loads',
  },
  {
    id: 'header-to-install',
    about: 'a package is compiled and a header or library of the system is not there',
    steps: ['deps', 'build'],
    signature: MISSING_HEADER,
    guard: (found) => found.look.packages && packagesFor(normal(header(found))).length > 0,
    cause: (found) => `${header(found)} is needed to compile a package, and this machine has none`,
    does: ['install-system-package'],
    actions: (found) => [{ do: 'install-system-package', packages: packagesFor(normal(header(found))) }],
    key: header,
    proves: 'the package compiles and the install ends with 0',
  },
  {
    id: 'library-to-install',
    about: 'a program was built for a library of the system that is not there',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: MISSING_LIBRARY,
    after: ['headless-opencv'],
    guard: (found) => found.look.packages && libraryFor(header(found)) !== null,
    cause: (found) => `${header(found)} is needed, and this machine has none`,
    does: ['install-system-package'],
    actions: (found) => [{ do: 'install-system-package', packages: [libraryFor(header(found))!] }],
    key: header,
    proves: 'the program loads',
  },
];

/**
 * Program → the package of Debian that has it. Only programs that work wherever they lie: a compiler, or one that reads its
 * parts from a fixed place, must be installed.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  bc: 'bc',
  cmake: 'cmake',
  cwebp: 'webp',
  dwebp: 'webp',
  envsubst: 'gettext-base',
  ffmpeg: 'ffmpeg',
  ffprobe: 'ffmpeg',
  flac: 'flac',
  inotifywait: 'inotify-tools',
  jpegoptim: 'jpegoptim',
  jq: 'jq',
  lame: 'lame',
  m4: 'm4',
  make: 'make',
  mediainfo: 'mediainfo',
  msgfmt: 'gettext',
  nasm: 'nasm',
  ninja: 'ninja-build',
  optipng: 'optipng',
  pandoc: 'pandoc',
  patch: 'patch',
  pdfinfo: 'poppler-utils',
  pdftotext: 'poppler-utils',
  'pkg-config': 'pkg-config',
  pkgconf: 'pkgconf',
  pngquant: 'pngquant',
  protoc: 'protobuf-compiler',
  qpdf: 'qpdf',
  'redis-cli': 'redis-tools',
  rsync: 'rsync',
  sox: 'sox',
  sqlite3: 'sqlite3',
  sshpass: 'sshpass',
  tree: 'tree',
  unzip: 'unzip',
  wget: 'wget',
  xmllint: 'libxml2-utils',
  xsltproc: 'xsltproc',
  xz: 'xz-utils',
  zip: 'zip',
  zstd: 'zstd',
};
/** What a shell, make or node says of a program that is not there. */
export const MISSING_PROGRAM: readonly RegExp[] = [
  /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: ([\w.+-]{1,64}): (?:not found|command not found)/,
  /gyp ERR! (?:stack Error: )?not found: (make|g\+\+|gcc)/,
  /gyp ERR! find (Python)/,
  /command '(gcc|cc|g\+\+|x86_64-linux-gnu-gcc)' failed: No such file/,
  /spawn(?:Sync)? ([\w.+-]{1,64}) ENOENT/,
  /^make(?:\[\d+\])?: ([\w.+-]{1,64}): No such file or directory/m,
  /No such file or directory: '([\w.+-]{1,64})'\n?$/m,
];
/** The package of Debian that has a program, where it can be used out of a folder of its own. */
export const packageOfProgram = (program: string): string | null =>
  Object.hasOwn(PROGRAMS, program) ? PROGRAMS[program]! : null;

export const programRepairs: readonly Rule[] = [
  {
    id: 'program-to-install',
    about: 'a program of the system is called that is not installed',
    after: ['declared-program', 'undeclared-program', 'lifecycle-script'],
    steps: ['deps', 'build', 'start', 'prove'],
    signature: MISSING_PROGRAM,
    guard: ({ match, look }) => look.packages && packageOfProgram(match[1]!) !== null,
    cause: ({ match }) => `${match[1]} is called, and this machine has none`,
    does: ['install-system-package'],
    actions: ({ match }) => [{ do: 'install-system-package', packages: [packageOfProgram(match[1]!)!] }],
    key: ({ match }) => match[1]!,
    proves: 'the command that calls it ends with 0, or the application starts',
  },
];

export const systemVerdicts: readonly Rule[] = [
  {
    id: 'disk-full',
    about: 'the disk has no room left',
    steps: ['toolchain', 'deps', 'build', 'start', 'prove'],
    signature: [/\bENOSPC\b(?![^\n]*watch)/, /No space left on device/, /disk (?:is )?full|Disk quota exceeded/i],
    guard: ({ text }) => !/file watchers|inotify/.test(text),
    cause: () => 'the disk has no room left',
    error: (found) =>
      fail('COMMAND_FAILED', {
        command: found.heal.evidence?.command ?? 'a command',
        met: 'no space left on the disk',
        last: 'it could not write',
        fix: 'free some room (rr runs --all names what old runs hold), then run again',
      }).toRecord(),
  },
  {
    id: 'header-missing',
    about: 'a package is compiled and a header or library of the system is not there',
    steps: ['deps', 'build'],
    signature: MISSING_HEADER,
    after: ['header-to-install', 'ready-made-wheel'],
    // In quotes and in no folder: one of the repository's own, which is made before the rest or left out.
    guard: (found) =>
      packagesFor(normal(header(found))).length > 0 ||
      header(found).includes('/') ||
      !found.text.includes(`#include "${header(found)}"`),
    cause: (found) => `${header(found)} is needed to compile a package, and this machine has none`,
    error: (found) => {
      const packages = packagesFor(normal(header(found)));
      return fail('TOOL_MISSING', {
        tool: header(found),
        wanted: 'for a package that is compiled',
        from: 'the output of the install',
        met: 'none',
        fix:
          packages.length > 0
            ? `install it (Debian: apt-get install ${packages.join(' ')}), then run again`
            : `install the package of your system that has ${header(found)} (Debian: apt-file search ${header(found)}), then run again`,
      }).toRecord();
    },
  },
  {
    id: 'library-missing',
    about: 'a program was built for a library of the system that is not there',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: MISSING_LIBRARY,
    after: ['headless-opencv', 'library-to-install'],
    cause: (found) => `${header(found)} is needed, and this machine has none`,
    error: (found) => {
      const name = libraryFor(header(found));
      return fail('TOOL_MISSING', {
        tool: header(found),
        wanted: 'in the version it names',
        from: 'the output of the command',
        met: 'none',
        fix: `install it (Debian: ${name === null ? `apt-file search ${header(found)}` : `apt-get install ${name}`}), then run again`,
      }).toRecord();
    },
  },
  {
    id: 'prisma-engine',
    about: 'an older prisma downloads a program of its own, from a host that does not answer',
    steps: ['deps', 'build', 'start'],
    signature: [/binaries\.prisma\.sh/, /Failed to fetch (?:the engine file|sha256 checksum)[^\n]*/],
    cause: () => 'prisma downloads its engine from binaries.prisma.sh, which does not answer',
    error: () => fail('HOST_UNREACHABLE', { host: 'binaries.prisma.sh', reason: 'it does not answer' }).toRecord(),
  },
];
