/** Deno: deno.json(c), a deno.lock, or code that only Deno runs. */
import type { Evidence, Service } from '../contract.js';
import { type Detector, makeService, type Place } from '../place.js';
import { asTable, asText, at } from '../values.js';
import { listSources, readCode } from './node/code.js';

const ENTRIES = ['main', 'server', 'app', 'index', 'mod', 'src/main', 'src/server', 'src/index', 'src/app', 'dev'];
const ONLY_DENO = /\bDeno\.\w|\b(?:from|import)\s*\(?\s*['"](?:https:\/\/(?:deno\.land|esm\.sh|jsr\.io)\/|jsr:)/;

export const detectDeno: Detector = (place) => {
  const config = place.has('deno.json') ? 'deno.json' : place.has('deno.jsonc') ? 'deno.jsonc' : null;
  const manifest = config === null ? null : place.jsonc(config);
  if (config !== null && manifest === null) return null;
  const evidence: Evidence[] = [];
  if (config !== null) evidence.push(place.evidence(`${config} belongs to Deno`, config));
  else if (place.has('deno.lock')) evidence.push(place.evidence('deno.lock belongs to Deno', 'deno.lock'));
  else {
    if (place.has('package.json')) return null;
    const [sign] = place.search(ONLY_DENO, findEntries(place));
    if (sign === undefined) return null;
    evidence.push({ claim: `only Deno runs this: ${sign.match[0].trim()}`, file: sign.file, line: sign.line });
  }

  const entries = findEntries(place);
  const facts = readCode(place, [...entries, ...listSources(place).filter((file) => !entries.includes(file))]);
  const serving = entries.find((file) =>
    /export\s+default\s*\{[\s\S]{0,2000}?\bfetch\b|export\s+default\s+app\b/.test(place.read(file) ?? ''),
  );
  const start = chooseStart(place, config, entries, serving ?? null);
  if (start === null) return describeLibrary(place, config, evidence);

  const text = place.read(start.entry ?? '') ?? '';
  const listens =
    facts.listens !== null ||
    serving !== undefined ||
    /\bfresh\b/.test(JSON.stringify(asTable(at(manifest, 'imports'))));
  const imports =
    Object.keys(asTable(at(manifest, 'imports'))).length > 0 || /['"](?:npm|jsr):|['"]https:\/\//.test(text);
  const build = asText(at(manifest, 'tasks', 'build'));
  if (build !== null)
    evidence.push(place.evidence(`the task build runs \`${build.slice(0, 100)}\``, config!, '"build"', '"tasks"'));
  const kind: Service['kind'] = listens ? 'web-service' : facts.stays !== null ? 'worker' : 'job';
  return makeService(place, {
    kind,
    language: 'deno',
    framework: frameworkOf(place, manifest),
    packageManager: 'deno',
    commands: {
      install:
        imports || place.has('package.json') ? [place.has('deno.lock') ? 'deno install --frozen' : 'deno install'] : [],
      build: build === null ? [] : ['deno task build'],
      start: start.command,
    },
    // What Deno.serve and `deno serve` take where the code names none.
    ports: facts.ports.length > 0 || !listens ? facts.ports : [{ number: 8000, from: start.from }],
    proof: {
      how: kind === 'web-service' ? 'http' : kind === 'worker' ? 'log' : 'exit',
      command: null,
      paths: kind === 'web-service' ? facts.routes : [],
    },
    writes: [...(place.has('package.json') ? ['node_modules'] : []), ...(place.has('deno.lock') ? [] : ['deno.lock'])],
    confidence: start.confidence,
    evidence: [...evidence, start.evidence],
  });
};

const findEntries = (place: Place): string[] =>
  ENTRIES.flatMap((stem) => ['.ts', '.tsx', '.js', '.mjs'].map((ending) => stem + ending)).filter((file) =>
    place.has(file),
  );

function chooseStart(place: Place, config: string | null, entries: readonly string[], serving: string | null) {
  const tasks = config === null ? {} : asTable(at(place.jsonc(config), 'tasks'));
  for (const name of ['start', 'serve', 'prod', 'preview', 'dev']) {
    const task = Object.hasOwn(tasks, name) ? (asText(tasks[name]) ?? asText(at(tasks[name], 'command'))) : null;
    if (task === null) continue;
    const entry = /(?:^|\s)(?:\.\/)?([\w./-]+\.(?:[cm]?[jt]sx?))(?:\s|$)/.exec(task)?.[1] ?? null;
    if (entry !== null && !place.has(entry) && !/^(?:_fresh|dist|build)\//.test(entry)) {
      place.notes.push(`${place.from(config!, `"${name}"`, '"tasks"')}: ${name} runs ${entry}, which does not exist`);
      continue;
    }
    const flags = /^deno serve\b/.test(task) && !task.includes('--port') ? ' --port $PORT' : '';
    return {
      command: `deno task ${name}${flags}`,
      entry,
      confidence: name === 'dev' ? 0.65 : 0.9,
      from: place.from(config!, `"${name}"`, '"tasks"'),
      evidence: place.evidence(`the task ${name} runs \`${task.slice(0, 100)}\``, config!, `"${name}"`, '"tasks"'),
    };
  }
  const listening = entries.find((file) => readCode(place, [file]).listens !== null);
  const entry =
    serving ??
    listening ??
    (config === null || asText(at(place.jsonc(config), 'exports')) !== null ? undefined : entries[0]);
  if (entry === undefined) return null;
  const command =
    listening === undefined && serving !== null ? `deno serve -A --port $PORT ${entry}` : `deno run -A ${entry}`;
  const evidence = place.evidence(
    `${entry} is the entry`,
    entry,
    /Deno\.serve|\bserve\s*\(|\.listen\s*\(|export\s+default/,
  );
  return {
    command,
    entry,
    confidence: 0.75,
    from: place.from(entry, /Deno\.serve|\bserve\s*\(|export\s+default/),
    evidence,
  };
}

function describeLibrary(place: Place, config: string | null, evidence: Evidence[]): Service | null {
  if (config === null) return null;
  const exported = at(place.jsonc(config), 'exports');
  if (exported === undefined) return null;
  const tests = place.files().some((file) => /(?:[._]test|\/test)\.[jt]sx?$/.test(file));
  return makeService(place, {
    kind: 'library',
    language: 'deno',
    packageManager: 'deno',
    proof: { how: 'exit', command: tests ? 'deno test -A' : 'deno check .', paths: [] },
    confidence: 0.75,
    evidence: [...evidence, place.evidence('exports: a library', config, '"exports"')],
  });
}

const frameworkOf = (place: Place, manifest: unknown): string | null => {
  const imports = JSON.stringify(asTable(at(manifest, 'imports')));
  for (const [sign, name] of [
    ['fresh', 'fresh'],
    ['/hono', 'hono'],
    ['oak', 'oak'],
    ['express', 'express'],
    ['lume', 'lume'],
  ] as const) {
    if (imports.includes(sign)) return name;
  }
  const [hit] = place.search(/['"][^'"]*(hono|oak|fresh|express)[^'"]*['"]/, findEntries(place));
  return hit?.match[1] ?? null;
};
