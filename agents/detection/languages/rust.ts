/** Rust: a package's binaries and library by Cargo's own rules of layout, workspaces through their members. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { asList, asTable, asText, at, type Table } from '../values.js';
import {
  citeAt,
  evidenceAt,
  type Found,
  findAbove,
  findAll,
  findFirst,
  isSecretName,
  openSource,
  portIn,
  RUST,
  type Source,
  word,
} from './source.js';
import { toRange } from './versions.js';

const FRAMEWORKS: readonly (readonly [crate: string, name: string])[] = [
  ['axum', 'axum'],
  ['actix-web', 'actix-web'],
  ['rocket', 'rocket'],
  ['warp', 'warp'],
  ['poem', 'poem'],
  ['salvo', 'salvo'],
  ['tide', 'tide'],
  ['leptos', 'leptos'],
  ['tonic', 'tonic'],
  ['hyper', 'hyper'],
  ['tiny_http', 'tiny_http'],
];
const ARGUMENTS = ['clap', 'structopt', 'argh', 'pico-args', 'lexopt'];
/** Quoted strings stay as quotes, so `"addr".parse` is only `"    ".parse` here. */
const LISTENS =
  /\b(?:TcpListener::bind|Server::bind|Server::http|axum::serve|HttpServer::new|warp::serve|rocket::build|#\[launch\]|\.serve)\b|#\[(?:rocket::)?launch\]/g;

interface Binary {
  name: string;
  file: string;
  evidence: Evidence;
}

export const detectRust: Detector = (place) => {
  const cargo = place.has('Cargo.toml') ? place.toml('Cargo.toml') : null;
  // A workspace's own file without a package only lists the packages: each is a place of its own.
  if (cargo === null || cargo.package === undefined) return null;
  const name = asText(at(cargo, 'package', 'name')) ?? place.path.split('/').at(-1)!;
  const evidence = [place.evidence(`the crate ${name}`, 'Cargo.toml', /^\s*name\s*=/, '[package]')];
  const up = findAbove(place, 'Cargo.toml', (text) => /^[ \t]*\[workspace\]/m.test(text));
  const root = up === null ? '' : `${up}/`;
  const locked = place.has(`${root}Cargo.lock`);
  if (up !== null) evidence.push(place.evidence('built in the workspace above', `${up}/Cargo.toml`, '[workspace]'));
  const flags = `${locked ? ' --locked' : ''}`;
  const install = Object.keys(asTable(cargo.dependencies)).length > 0 ? [`cargo fetch${flags}`] : [];
  const shared = {
    name,
    language: 'rust',
    packageManager: 'cargo',
    versions: readVersions(place, cargo, root),
    writes: [`${root}target`, ...(locked ? [] : [`${root}Cargo.lock`])],
  };
  const binaries = readBinaries(place, cargo, name);
  const crates = asTable(cargo.dependencies);
  const framework = FRAMEWORKS.find(([crate]) => Object.hasOwn(crates, crate));
  const [binary] = binaries;
  if (binary === undefined) {
    return makeService(place, {
      ...shared,
      kind: 'library',
      commands: { install, build: [`cargo build${flags}`], start: null },
      proof: { how: 'exit', command: `cargo test${flags}`, paths: [] },
      confidence: place.has('src/lib.rs') || cargo.lib !== undefined ? 0.85 : 0.5,
      evidence: [
        ...evidence,
        place.evidence('has a library and no binary', place.has('src/lib.rs') ? 'src/lib.rs' : 'Cargo.toml', /./),
      ],
    });
  }
  evidence.push(binary.evidence, ...binaries.slice(1, 4).map((other) => other.evidence));
  const build = [`cargo build --release${flags}${binaries.length > 1 ? ` --bin ${word(binary.name)}` : ''}`];
  const run = `${root === '' ? './' : root}target/release/${word(binary.name)}`;
  const sources = readSources(place, binary.file);
  const listens = findFirst(sources, LISTENS);
  if (framework !== undefined || listens !== null) {
    const [crate, served] = framework ?? [null, null];
    if (crate !== null)
      evidence.push(
        place.evidence(`depends on ${crate}`, 'Cargo.toml', new RegExp(`^\\s*\\[?(dependencies\\.)?"?${crate}\\b`)),
      );
    if (listens !== null) evidence.push(evidenceAt(place, 'listens', listens));
    const rocket = served === 'rocket' ? 'ROCKET_ADDRESS=127.0.0.1 ROCKET_PORT=$PORT ' : '';
    return makeService(place, {
      ...shared,
      kind: 'web-service',
      framework: served,
      commands: { install, build, start: rocket + run },
      ports: readPorts(place, sources, evidence),
      env: readEnv(place, sources),
      proof: { how: 'http', command: null, paths: readRoutes(place, sources) },
      confidence: framework !== undefined && listens !== null ? 0.9 : 0.7,
      evidence,
    });
  }
  const parser = ARGUMENTS.find((crate) => Object.hasOwn(crates, crate));
  const args = findFirst(sources, /\benv::args\b/g);
  const loop = findFirst(sources.slice(0, 1), /\bloop\s*\{/g);
  const isTool = parser !== undefined || args !== null;
  if (parser !== undefined) evidence.push(place.evidence(`reads arguments by ${parser}`, 'Cargo.toml', parser));
  else if (args !== null) evidence.push(evidenceAt(place, 'reads arguments', args));
  else if (loop !== null) evidence.push(evidenceAt(place, 'loops without end', loop));
  const isWorker = !isTool && loop !== null;
  return makeService(place, {
    ...shared,
    kind: isTool ? 'cli' : isWorker ? 'worker' : 'job',
    commands: { install, build, start: run },
    proof: { how: isWorker ? 'log' : 'exit', command: parser === undefined ? null : `${run} --help`, paths: [] },
    confidence: isTool ? 0.75 : 0.6,
    evidence,
  });
};

/** Cargo's binaries: `[[bin]]`, src/main.rs, src/bin/*; `default-run` first, then the one called like the crate. */
function readBinaries(place: Place, cargo: Table, name: string): Binary[] {
  const found = new Map<string, Binary>();
  const add = (binary: string, file: string, evidence: Evidence): void => {
    if (place.has(file) && !found.has(binary)) found.set(binary, { name: binary, file, evidence });
  };
  for (const each of asList(cargo.bin)) {
    const binary = asText(asTable(each).name) ?? name;
    const file =
      asText(asTable(each).path) ?? (place.has(`src/bin/${binary}.rs`) ? `src/bin/${binary}.rs` : 'src/main.rs');
    add(
      binary,
      file,
      place.evidence(
        `the binary ${binary}`,
        'Cargo.toml',
        new RegExp(`name\\s*=\\s*"${binary.replace(/\W/g, '\\$&')}"`),
        '[[bin]]',
      ),
    );
  }
  const taken = new Set([...found.values()].map(({ file }) => file));
  const main = (file: string): Evidence =>
    place.evidence(`a binary in ${file}`, file, /\bfn\s+main\b|#\[(?:\w+::)?launch\]/);
  if (at(cargo, 'package', 'autobins') !== false) {
    if (!taken.has('src/main.rs')) add(name, 'src/main.rs', main('src/main.rs'));
    for (const file of place.files()) {
      const binary = /^src\/bin\/([^/]+)(?:\.rs|\/main\.rs)$/.exec(file)?.[1];
      if (binary !== undefined && !taken.has(file)) add(binary, file, main(file));
    }
  }
  const first = asText(at(cargo, 'package', 'default-run')) ?? name;
  const order = (binary: Binary): number =>
    binary.name === first ? 0 : /^(server|api|web|app)$/.test(binary.name) ? 1 : 2;
  return [...found.values()].sort((a, b) => order(a) - order(b));
}

function readSources(place: Place, entry: string): Source[] {
  const own = place.files().filter((file) => /^src\/.*\.rs$/.test(file) && file !== entry && !/^src\/bin\//.test(file));
  return [entry, ...own.slice(0, 200)].flatMap((file) => openSource(place, file, RUST) ?? []);
}

function readVersions(place: Place, cargo: Table, root: string): Service['versions'] {
  const channel = asText(
    at(
      place.has(`${root}rust-toolchain.toml`) ? place.toml(`${root}rust-toolchain.toml`) : null,
      'toolchain',
      'channel',
    ),
  );
  const pinned = channel === null || !/^\d/.test(channel) ? null : toRange(channel);
  if (pinned !== null) return { rust: { want: pinned, from: place.from(`${root}rust-toolchain.toml`, /channel/) } };
  const least = asText(at(cargo, 'package', 'rust-version'));
  return least === null ? {} : { rust: { want: `>=${least}`, from: place.from('Cargo.toml', /^\s*rust-version/) } };
}

function readPorts(place: Place, sources: readonly Source[], evidence: Evidence[]): Service['ports'] {
  const ports: Service['ports'] = [];
  const add = (number: number | null, found: Found): void => {
    if (number !== null && !ports.some((port) => port.number === number))
      ports.push({ number, from: citeAt(place, found) });
  };
  for (const source of sources) {
    for (const found of findAll(
      source,
      /(?:\bbind|\bhttp|\bSocketAddr::from|\brun|\bunwrap_or(?:_else)?|\bport\b[^=;\n]{0,60}=)\s*\(?\s*(?:\(|\|_?\||&)*\s*/g,
    )) {
      const list =
        /^\[?[\d,\s.]*\]\s*,\s*(\d{2,5})/.exec(found.rest)?.[1] ?? /^"[\w.]+"\s*,\s*(\d{2,5})/.exec(found.rest)?.[1];
      add(list === undefined ? portIn(found.rest.replace(/^"\[::\d?\]/, '"')) : portIn(list), found);
    }
    for (const found of findAll(source, /\benv::var(?:_os)?\s*\(/g))
      if (found.rest.startsWith('"PORT"')) evidence.push(evidenceAt(place, 'reads PORT from the environment', found));
  }
  return ports;
}

function readEnv(place: Place, sources: readonly Source[]): Service['env'] {
  const env = new Map<string, Service['env'][number]>();
  for (const source of sources)
    for (const found of findAll(source, /\benv::var(?:_os)?\s*\(/g)) {
      const [, name, after = ''] = /^"([A-Za-z_]\w*)"\s*\)([^;]*)/.exec(found.rest) ?? [];
      if (name === undefined || ['PORT', 'HOST', 'HOME', 'PATH', 'USER', 'RUST_LOG'].includes(name) || env.has(name))
        continue;
      const required = /^\s*(?:\?|\.(?:unwrap|expect)\()/.test(after);
      env.set(name, { name, required, secret: isSecretName(name), default: null, from: citeAt(place, found) });
    }
  return [...env.values()];
}

function readRoutes(place: Place, sources: readonly Source[]): Service['proof']['paths'] {
  const routes: Service['proof']['paths'] = [];
  for (const source of sources)
    for (const found of findAll(source, /\.route\s*\(|#\[get\s*\(|\.at\s*\(/g)) {
      const path = /^\s*"(\/[\w./-]*)"/.exec(found.rest)?.[1];
      if (path !== undefined && !routes.some((each) => each.path === path))
        routes.push({ path, from: citeAt(place, found) });
    }
  const order = ({ path }: { path: string }): number => (/health|ping|ready/.test(path) ? 0 : path === '/' ? 1 : 2);
  return routes.sort((a, b) => order(a) - order(b)).slice(0, 5);
}
