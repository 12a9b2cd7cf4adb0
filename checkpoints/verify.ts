/**
 * Looks at a whole state folder: every checkpoint, chain, reference and file. Each finding says what is wrong and how it is
 * mended. Looking changes nothing and goes on beside a living runtime: what it finds is looked at again before it is
 * told, since a file may be half a turn ahead of another. Only what harms nobody when it is gone is mended by itself.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toRecord } from '../runtime/errors.js';
import { type Identity, isAlive, startTimeOf } from '../runtime/identity.js';
import type { Checkpoint } from '../runtime/store.js';
import { addressOf } from '../runtime/subjects.js';
import { bundleOf } from './bundle.js';
import {
  auditFile,
  byVersion,
  checkpointFiles,
  factsFile,
  openReader,
  parsedLines,
  type Reader,
  type Tail,
  versionOf,
} from './inspect.js';
import { type ReadSegment, readSegment, segmentsIn } from './journal.js';
import { checkpointFile, historyFolder, placeOfFile, readCheckpoint } from './json.js';
import { type AuditLine, brokenAt } from './ledger.js';
import { journalFolder } from './store.js';

export interface Finding {
  code: string;
  /** From the state folder. */
  path: string;
  what: string;
  mend: string;
  /** It may be removed without asking. */
  safe: boolean;
}
export interface Look {
  state: string;
  reader: Reader;
  /** A runtime is at work on the folder. */
  lives: boolean;
  /** Counts what was looked at. */
  count(what: string): void;
}
export type Check = (look: Look) => Promise<Finding[]>;

const AGAIN_MS = 400;
/** What nobody has touched for so long, nobody is writing. */
const OLD_MS = 60_000;
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);
const finding = (code: string, path: string, what: string, mend: string, safe = false): Finding => ({
  code,
  path,
  what,
  mend,
  safe,
});
const remove = (path: string): string => `remove ${path}`;
const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // absent or broken: whoever asks says what that means
  }
};

/** Every checkpoint can be read, lies where its address says, and is its actor's newest version. */
const checkpoints: Check = async ({ state, count }) => {
  const found: Finding[] = [];
  for (const file of checkpointFiles(state)) {
    count('checkpoints');
    const place = placeOfFile(file);
    if (!place) {
      found.push(finding('file-unknown', file, 'no actor has a checkpoint of that name', remove(file)));
      continue;
    }
    let present: Checkpoint | null = null;
    try {
      present = await readCheckpoint(join(state, file));
      if (present && addressOf(present) !== addressOf(place))
        found.push(
          finding(
            'checkpoint-misplaced',
            file,
            `it is the checkpoint of ${addressOf(present)}, wanted that of ${addressOf(place)}`,
            `move it to ${checkpointFile(present)}, or rr checkpoints restore ${addressOf(place)} VERSION`,
          ),
        );
    } catch (error) {
      const { message, fix } = toRecord(error);
      found.push(finding('checkpoint-broken', file, message, fix));
    }
    const history = historyFolder(file);
    const kept: string[] = [];
    for (const name of namesIn(join(state, history))) {
      count('versions');
      const path = join(history, name);
      const version = /^(\d+\.\d+)\.json$/.exec(name)?.[1];
      if (!version) {
        found.push(finding('history-unknown', path, 'that is no version of a checkpoint', remove(path), true));
        continue;
      }
      kept.push(version);
      try {
        const old = await readCheckpoint(join(state, path));
        if (old && (versionOf(old) !== version || addressOf(old) !== addressOf(place)))
          found.push(
            finding('history-misplaced', path, `it holds ${addressOf(old)}@${versionOf(old)}`, remove(path), true),
          );
      } catch (error) {
        found.push(finding('history-broken', path, toRecord(error).message, remove(path), true));
      }
    }
    const last = kept.sort(byVersion).at(-1);
    if (present === null || last === undefined || byVersion(last, versionOf(present)) <= 0) continue;
    present = await readCheckpoint(join(state, file)).catch(() => null); // it may have gone on while we read its versions
    if (present && byVersion(last, versionOf(present)) > 0)
      found.push(
        finding(
          'checkpoint-old',
          file,
          `it stands at ${versionOf(present)}, and ${last} is kept`,
          `rr checkpoints restore ${addressOf(place)} ${last}`,
        ),
      );
  }
  return found;
};

/** A history whose checkpoint is gone: an actor that would begin anew without anybody saying so. */
const lostCheckpoints: Check = async ({ state }) => {
  const folders = ['checkpoints', ...namesIn(join(state, 'runs')).map((run) => join('runs', run, 'checkpoints'))];
  return folders.flatMap((folder) =>
    namesIn(join(state, folder, 'history')).flatMap((name): Finding[] => {
      const file = join(folder, name);
      if (existsSync(join(state, file))) return [];
      const path = join(folder, 'history', name);
      const place = placeOfFile(file);
      if (!place) return [finding('history-orphan', path, 'versions of nobody', remove(path), true)];
      const version = namesIn(join(state, path))
        .map((one) => one.replace(/\.json$/, ''))
        .sort(byVersion)
        .at(-1);
      if (version === undefined) return [finding('history-orphan', path, 'it is empty', remove(path), true)];
      const address = addressOf(place);
      const mend = `rr checkpoints restore ${address} ${version}`;
      return [finding('checkpoint-missing', file, `the checkpoint of ${address} is gone, its versions are not`, mend)];
    }),
  );
};

/** Facts without a gap, audits whose chain holds. */
const ledgers: Check = async ({ state, reader, count }) => {
  const found: Finding[] = [];
  const keep = 'it is evidence: keep it, and compare with a backup or the stream RR_FACTS; nothing reads it to go on';
  for (const run of ['sys', ...reader.runs()]) {
    const audit = auditFile(state, run).slice(state.length + 1);
    const lines = parsedLines<AuditLine>(join(state, audit));
    if (existsSync(join(state, audit))) count('audits');
    const bad = lines.findIndex((line) => line === null || typeof line !== 'object');
    const broken = bad >= 0 ? bad + 1 : brokenAt(lines as AuditLine[]);
    if (broken !== null)
      found.push(
        finding(
          'audit-broken',
          audit,
          `line ${broken} ${bad >= 0 ? 'does not parse' : 'does not follow from the one before: somebody changed, added or removed one'}`,
          keep,
        ),
      );
    if (run === 'sys') continue;
    const facts = factsFile(state, run).slice(state.length + 1);
    const told = parsedLines<{ seq: number; id: string }>(join(state, facts));
    if (existsSync(join(state, facts))) count('facts.ndjson');
    const gap = told.findIndex((line, n) => line?.seq !== n + 1);
    if (gap >= 0) {
      const met = told[gap] ? `line ${gap + 1} has the number ${told[gap]!.seq}` : `line ${gap + 1} does not parse`;
      found.push(finding('facts-broken', facts, met, keep));
    } else if (new Set(told.map((line) => line!.id)).size < told.length)
      found.push(finding('facts-broken', facts, 'a fact stands twice', keep));
  }
  return found;
};

type Orchestrated = { runs?: Record<string, { ended: boolean; state: string }> };
const contextOf = async <T>(reader: Reader, address: string): Promise<T | null> =>
  reader.at(address).then(
    ({ state }) => state.context as T,
    () => null, // broken or not there: told elsewhere
  );
const ENDED = ['done', 'failed', 'needs-input', 'not-runnable', 'cancelled'];

const ADMIN = { run: 'sys', kind: 'admin', id: 'main' };
/** Runs and those who know of them: the orchestrator, the admin's registry, the folders. */
const references: Check = async ({ state, reader, count }) => {
  const found: Finding[] = [];
  const orchestrator = await contextOf<Orchestrated>(reader, 'sys/orchestrator/main');
  const admin = await contextOf<{ registry?: Record<string, unknown> }>(reader, 'sys/admin/main');
  const known = orchestrator?.runs ?? {};
  const folders = reader.runs();
  for (const run of folders) {
    count('runs');
    const path = join('runs', run);
    const file = join(path, 'run.json');
    const raw = readJson(join(state, file)) as { run?: unknown; state?: unknown } | null;
    if (!existsSync(join(state, file))) {
      if (orchestrator && !known[run])
        found.push(finding('run-orphan', path, 'nobody knows of this run and it has no run.json', remove(path)));
    } else if (raw === null || typeof raw !== 'object')
      found.push(
        finding(
          'run-broken',
          file,
          'it does not parse',
          `${remove(file)}; rr checkpoints show ${run}/run/run-1 has what it said`,
        ),
      );
    else if (raw.run !== run)
      found.push(
        finding(
          'run-misplaced',
          file,
          `it is of the run ${String(raw.run)}`,
          `rename the folder to ${String(raw.run)}, or remove it`,
        ),
      );
  }
  for (const [run, { ended }] of Object.entries(known))
    if (!ended && !folders.includes(run))
      found.push(
        finding('run-missing', join('runs', run), 'an open run whose folder is gone', `rr up, then rr stop ${run}`),
      );
  for (const address of Object.keys(admin?.registry ?? {})) {
    count('registered actors');
    const run = address.split('/')[0]!;
    if (run === 'sys') continue;
    if (!folders.includes(run) && known[run]?.ended !== false)
      found.push(
        finding(
          'registry-stale',
          checkpointFile(ADMIN),
          `the admin would start ${address}, whose run has no folder`,
          `rr up, then rr stop ${run}`,
        ),
      );
    else if (orchestrator && known[run]?.ended === true) {
      const open = (await reader.at('sys/orchestrator/main')).owed.some(
        ({ params }) => (params as { tag?: string } | null)?.tag === `dismiss ${run}`,
      );
      if (!open)
        found.push(
          finding(
            'registry-stale',
            checkpointFile(ADMIN),
            `the admin would start ${address}, whose run has ended`,
            'rr checkpoints history sys/admin/main, then restore a version without it',
          ),
        );
    }
  }
  return found;
};

/** What may lie in the state folder, by folder; `*` is any name. Below a folder that is not here all is its owner's. */
const places: [folder: string, names: RegExp][] = [
  [
    '.',
    /^(\.gitignore|broker|hosts|checkpoints|runs|blobs|kinds|services|workflows|rules|users\.json|business_[\w-]+\.json|[\w.-]*(history|log)[\w.-]*)$/,
  ],
  ['checkpoints', /^(history|admin_audit\.log|\w+_state[\w.-]*\.json)$/],
  [
    'hosts/*',
    /^(host\.log[\w.-]*|host_state\.json|history|journal|quarantine|taking\.log|dead-letters[\w.-]*|lock\.\d+|[\w-]+\.(log|json|pid))$/,
  ],
  ['hosts/*/quarantine', /^([a-z0-9]+-[0-9a-f]+|dropped)\.json$/],
  [
    'runs/*',
    /^((run|plan|fixes|keeper|recipe|triage|review|approval)\.json|recipe\.sh|[\w-]+\.(md|diff|ndjson|log)|closed|keeper\.(lock\.\d+|log[\w.-]*)|inputs|steps|logs|patches|work|checkpoints|blobs|personas|sandbox|health|services|bin|exports|work\.[0-9a-f]+\.partial)$/,
  ],
  ['runs/*/checkpoints', /^(history|\w+_state[\w.-]*\.json)$/],
];
/** Files that nobody made on purpose: cut short by a crash, or a stranger's. */
const orphans: Check = async ({ state, lives, count }) => {
  const found: Finding[] = [];
  const old = (path: string): boolean => {
    const at = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    return at !== undefined && (!lives || Date.now() - at > OLD_MS);
  };
  const spread = (folder: string): string[] => {
    const [head, ...rest] = folder.split('/*');
    return rest.length === 0 ? [folder] : namesIn(join(state, head!)).map((name) => `${head}/${name}${rest.join('')}`);
  };
  for (const [pattern, names] of places)
    for (const folder of spread(pattern)) {
      if (!existsSync(join(state, folder)) || !statSync(join(state, folder)).isDirectory()) continue;
      for (const name of namesIn(join(state, folder))) {
        count('files');
        const path = join(folder, name);
        const pid = Number(/\.(\d+)\.tmp$/.exec(name)?.[1] ?? 0);
        if (name.endsWith('.tmp')) {
          if (old(join(state, path)) || (pid > 0 && startTimeOf(pid) === null))
            found.push(finding('file-cut-short', path, 'a crash cut its writing short', remove(path), true));
        } else if (/\.partial$|^keeper\.json\.new$/.test(name)) {
          if (!lives) found.push(finding('file-cut-short', path, 'a crash cut its making short', remove(path), true));
        } else if (!names.test(name))
          found.push(finding('file-unknown', path, 'nobody of ours makes it', remove(path)));
      }
    }
  return found;
};

/** Large parts of checkpoints: what their name says, and still named by somebody. */
const blobs: Check = async ({ state, reader, lives, count }) => {
  const found: Finding[] = [];
  for (const folder of ['blobs', ...reader.runs().map((run) => join('runs', run, 'blobs'))]) {
    const names = namesIn(join(state, folder));
    if (names.length === 0) continue;
    const run = folder === 'blobs' ? 'sys' : basename(dirname(folder));
    const used = namesOfBlobs(state, run);
    for (const name of names) {
      count('blobs');
      const path = join(folder, name);
      if (name.endsWith('.tmp')) {
        if (!lives) found.push(finding('file-cut-short', path, 'a crash cut its writing short', remove(path), true));
        continue;
      }
      const hash = createHash('sha256')
        .update(readFileSync(join(state, path)))
        .digest('hex');
      const isUsed = used.has(name);
      if (hash !== name)
        found.push(
          finding(
            'blob-broken',
            path,
            `its content has the hash ${hash.slice(0, 12)}…`,
            isUsed ? 'restore versions that do not name it: rr checkpoints list says whose are broken' : remove(path),
            !isUsed && !lives,
          ),
        );
      else if (!isUsed && !lives)
        found.push(finding('blob-unused', path, 'no version names it any more', remove(path), true));
    }
  }
  return found;
};
/** Every hash that a version of an actor of a run, or a journal, names. */
function namesOfBlobs(state: string, run: string): Set<string> {
  const named = new Set<string>();
  const take = (path: string): void => {
    for (const [hash] of readFileSync(path, 'latin1').matchAll(/(?<=")[0-9a-f]{64}(?=")/g)) named.add(hash);
  };
  for (const file of checkpointFiles(state, run)) {
    take(join(state, file));
    const history = join(state, historyFolder(file));
    for (const name of namesIn(history)) take(join(history, name));
  }
  for (const host of namesIn(join(state, 'hosts'))) {
    const journal = join(state, 'hosts', host, 'journal');
    for (const name of namesIn(journal)) take(join(journal, name));
  }
  return named;
}

/** A keeper that is written down lives. */
const keepers: Check = async ({ state, reader, lives, count }) => {
  const found: Finding[] = [];
  for (const run of reader.runs()) {
    const path = join('runs', run, 'keeper.json');
    if (!existsSync(join(state, path))) continue;
    count('keepers');
    const keeper = readJson(join(state, path)) as Partial<Identity> | null;
    if (keeper && typeof keeper.pid === 'number' && isAlive({ startTime: 0, bootId: '', ...keeper } as Identity))
      continue;
    const last = readJson(join(state, 'runs', run, 'run.json')) as { state?: string } | null;
    const isOver = ENDED.includes(last?.state ?? '') && existsSync(join(bundleOf(state, run), 'closed'));
    const what = `the keeper of ${run}${keeper?.pid ? ` (pid ${keeper.pid})` : ''} is dead`;
    found.push(
      isOver
        ? finding('keeper-dead', path, `${what}; its run has ended`, remove(path), !lives)
        : finding(
            'keeper-dead',
            path,
            `${what} and its run is open`,
            'rr up: what it left alive is ended and the step is done again',
          ),
    );
  }
  return found;
};

/** Every record of a journal is whole: its length, its CRC, its number. */
const journals: Check = async ({ state, lives, count }) =>
  namesIn(join(state, 'hosts')).flatMap((host) =>
    segmentsIn(journalFolder(state, host)).flatMap((segment): Finding[] => {
      count('journal files');
      let damage: ReadSegment['damage'] = null;
      try {
        ({ damage } = readSegment(segment, 0, () => count('journal records')));
      } catch {
        return []; // removed meanwhile
      }
      if (!damage || lives) return []; // a living one is being written
      const path = segment.path.slice(state.length + 1);
      const what = `${damage.reason} at byte ${damage.offset}, ${damage.bytes} bytes behind it cannot be read`;
      return [
        finding('journal-damaged', path, what, 'rr up goes on with all before it; keep a copy of the file first'),
      ];
    }),
  );

/** What is looked at, in order; whoever keeps more in the state folder adds a check of it. */
export const checks: readonly Check[] = [
  checkpoints,
  lostCheckpoints,
  ledgers,
  journals,
  references,
  orphans,
  blobs,
  keepers,
];

export interface Verified {
  /** How many of what were looked at. */
  checked: Record<string, number>;
  findings: Finding[];
}
/** @param lives a runtime is at work on the folder: what is found is looked at once more after a moment. */
export async function verify(state: string, { tail, lives }: { tail?: Tail; lives: boolean }): Promise<Verified> {
  const first = await look(state, tail, lives);
  if (first.findings.length === 0 || !lives) return first;
  await sleep(AGAIN_MS);
  const again = await look(state, tail, lives);
  const known = new Set(first.findings.map(({ code, path }) => `${code} ${path}`));
  return { ...again, findings: again.findings.filter(({ code, path }) => known.has(`${code} ${path}`)) };
}
async function look(state: string, tail: Tail | undefined, lives: boolean): Promise<Verified> {
  const checked: Record<string, number> = {};
  const count = (what: string): void => {
    checked[what] = (checked[what] ?? 0) + 1;
  };
  const findings: Finding[] = [];
  for (const check of checks) findings.push(...(await check({ state, reader: openReader(state, tail), lives, count })));
  return { checked, findings };
}

/** Removes what may go without asking. @returns the findings that are mended. */
export function mend(state: string, findings: readonly Finding[]): Finding[] {
  const safe = findings.filter((one) => one.safe);
  for (const { path } of safe) rmSync(join(state, path), { recursive: true, force: true });
  return safe;
}
