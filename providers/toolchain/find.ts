/**
 * Finds the toolchain a repository asks for: what is on the machine, then what version managers have installed, then
 * our cache, then npm's registry or Debian's packages; else it says what is missing and how to get it. Nothing but the cache is written.
 * A version that does not satisfy the range is given only to a caller who allowed it, and always with the reason.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import semver from 'semver';
import { fail } from '../../runtime/errors.js';
import { childEnvironment } from '../process/environment.js';
import { canUnpack, readOwnEnvironment, unpackTool } from './debian.js';
import { canFetch, FetchFailure, type Fetching, fetchTool, findInCache, findNpmCli } from './fetch.js';
import { entriesOf, linkTool } from './links.js';
import { type Environment, executable, findInManagers, findOnMachine, type Place } from './places.js';
import { parseRange, type Range, readVersion } from './range.js';
import { type ToolName, tools } from './tools.js';

export type { ToolName } from './tools.js';

export interface FindTool {
  tool: ToolName;
  /** The range as the repository writes it; null: any version. */
  want: string | null;
  /** Where it says so, `file:line`. */
  from: string | null;
  /** The cache of the settings, absolute. */
  cache: string;
  /** Take the nearest version when none satisfies the range. */
  allowDegraded?: boolean;
  /** Nothing is fetched: what is not here is named at once. */
  offline?: boolean;
  signal?: AbortSignal;
  /** Hears what takes long, one line each. */
  say(line: string): void;
  /** What PATH, HOME and the homes of version managers are read from; by default what the repository's commands get. */
  env?: Environment;
}
export interface FoundTool {
  tool: ToolName;
  /** Three numbers. */
  version: string;
  /** A folder that holds this tool's programs and no others, to put before PATH. */
  bin: string;
  /** What else its programs want in the environment. */
  env: Record<string, string>;
  origin: 'machine' | 'version-manager' | 'cache' | 'downloaded';
  /** Why this is not what was wanted; null: it is. */
  degraded: string | null;
}

interface Candidate extends Place {
  version: string;
}

const VERSION_MS = 10_000;

/** @throws TOOL_MISSING with what this machine has, the true cause, and how to get the tool. */
export async function findTool(o: FindTool): Promise<FoundTool> {
  const { tool, want, cache } = o;
  const env: Environment = o.env ?? installEnvironment();
  const from = o.from ?? 'no file names a version';
  const missing = (met: string, how: string, cause?: unknown) =>
    fail('TOOL_MISSING', { tool, wanted: want ?? 'of any version', from, met, fix: how }, cause);

  // The name may come from a repository's file.
  if (!Object.hasOwn(tools, tool))
    throw missing('no way to look for it', `install ${tool} and start the application by hand`);
  const { scheme, fix } = tools[tool];
  const range = parseRange(scheme, want);
  if (range === null)
    throw missing(
      'no way to read that as a version',
      `correct the version in ${o.from ?? 'the repository'}, then run again`,
    );

  mkdirSync(cache, { recursive: true });
  const met: Candidate[] = [];
  const fits = (candidate: Candidate): boolean => suits(tool, candidate, range);
  /** Asks the programs for their versions, up to the first that fits where the order decides. */
  const survey = async (places: Place[], firstWins: boolean): Promise<Candidate[]> => {
    const fit: Candidate[] = [];
    for (const place of places) {
      if (met.some(({ program }) => executable(program) === executable(place.program))) continue;
      if (place.label !== null && !o.allowDegraded && !mayFit(tool, place.label, range)) continue;
      const version = await versionOf(tool, place, { cache, env });
      if (version === null) continue;
      const candidate = { ...place, version };
      met.push(candidate);
      if (fits(candidate)) fit.push(candidate);
      if (fit.length > 0 && firstWins) break;
    }
    return fit;
  };
  const here = await survey(findOnMachine(tool, env), !range.nearest);
  if (here.length > 0 && !range.nearest) return found(o, here[0]!, env, null);
  const best = sortBest([...here, ...(await survey(findInManagers(tool, env), false))], range)[0];
  if (best !== undefined) return found(o, best, env, null);

  const cached = findInCache(cache, tool, range);
  if (cached !== null) {
    const own = readOwnEnvironment(dirname(cached.bin));
    return { tool, ...cached, env: own, origin: 'cache', degraded: null };
  }

  let cause: unknown = null;
  const fetching: Fetching = { tool, range, cache, env, signal: o.signal, say: o.say };
  const ways = [...(canFetch(tool, range) ? [fetchTool] : []), ...(canUnpack(tool) ? [unpackTool] : [])];
  if (o.offline && ways.length > 0) cause = new FetchFailure('this run is offline, so nothing is fetched');
  for (const way of o.offline ? [] : ways) {
    try {
      const fetched = await way(fetching);
      const program = join(fetched.bin, tools[tool].programs[0]!);
      const works = await versionOf(tool, { program, origin: 'machine', label: null }, { cache, env });
      if (works !== null) return { tool, env: {}, ...fetched, origin: 'downloaded', degraded: null };
      cause = new FetchFailure(`${tool} ${fetched.version} was fetched and does not run on this machine`);
    } catch (error) {
      if (!(error instanceof FetchFailure)) throw error;
      cause = error;
    }
  }
  const offered = cause instanceof FetchFailure ? cause.offered : null;
  const none = offered === null ? `no ${tool}` : `no ${tool}, and Debian's package is ${offered}`;
  const has = met.length === 0 ? none : [...new Set(met.map(({ version }) => version))].slice(0, 6).join(', ');
  const why = cause instanceof FetchFailure && offered === null ? `${has}; ${cause.message}` : has;
  const nearest = o.allowDegraded ? nearestOf(met, range) : undefined;
  if (nearest !== undefined) {
    const reason = cause instanceof FetchFailure ? ` (${cause.message})` : '';
    const degraded = `${tool} ${range.text} is wanted (${from}); took ${nearest.version}, the nearest here${reason}`;
    o.say(degraded);
    return found(o, nearest, env, degraded);
  }
  if (o.allowDegraded && offered !== null && met.length === 0) {
    const any = await findTool({ ...o, want: null, allowDegraded: false });
    const degraded = `${tool} ${range.text} is wanted (${from}); took ${any.version}, the only one that can be had here`;
    o.say(degraded);
    return { ...any, degraded };
  }
  throw missing(why, `${fix.replaceAll('{v}', want ?? '').replace(/ {2,}/g, ' ')}, then run again`, cause);
}

/** As for an install step, which may reach registries; RR_RUN would tie what runs here to a run it does not belong to. */
function installEnvironment(): Environment {
  const { RR_RUN: _, ...env } = childEnvironment({ run: '', overlay: {}, install: true });
  return env;
}

/** Whether a version's folder is worth running the program in it; a name that tells no version may be any. */
function mayFit(tool: ToolName, label: string, range: Range): boolean {
  const { scheme, versionAfter } = tools[tool];
  const text = versionAfter.exec(label) === null ? label : label.slice(label.search(versionAfter));
  const written = /\d+\.\d+(?:[._]\d+)*/.exec(text)?.[0];
  if (written === undefined || tool === 'bundler') return true;
  const version = readVersion(written, scheme);
  // `3.11` as a folder's name may hold any 3.11.
  return version === null || range.accepts(version) || written.split('.').length < 3;
}

function suits(tool: ToolName, { version, program, label }: Candidate, range: Range): boolean {
  if (tool === 'python' && semver.major(version) < 3 && range.any) return false;
  if (range.channel !== null) return (label ?? executable(program) ?? '').includes(range.channel);
  return range.accepts(version);
}

const isUnstable = ({ label }: Candidate): boolean => /nightly|beta|-dev|alpha|rc/.test(label ?? '');
const sortBest = (candidates: Candidate[], range: Range): Candidate[] =>
  [...candidates].sort(
    (a, b) =>
      (range.channel === null ? Number(isUnstable(a)) - Number(isUnstable(b)) : 0) ||
      (range.nearest ? semver.major(a.version) - semver.major(b.version) : 0) ||
      semver.rcompare(a.version, b.version),
  );

/** The one that differs least: by major first, then minor; the newer of two as far. */
function nearestOf(candidates: Candidate[], range: Range): Candidate | undefined {
  const numbers = readVersion(range.text);
  if (numbers === null || candidates.length === 0) return sortBest(candidates, range)[0];
  const goal = semver.parse(numbers)!;
  const distance = ({ version }: Candidate): number => {
    const at = semver.parse(version)!;
    return (
      Math.abs(at.major - goal.major) * 1e6 +
      Math.abs(at.minor - goal.minor) * 1e3 +
      Math.min(999, Math.abs(at.patch - goal.patch))
    );
  };
  return [...candidates].sort((a, b) => distance(a) - distance(b) || semver.rcompare(a.version, b.version))[0];
}

/** What the program says of itself; null: it does not run, or says no number. */
function versionOf(
  tool: ToolName,
  { program }: Place,
  { cache, env }: { cache: string; env: Environment },
): Promise<string | null> {
  const { versionArgs, versionAfter, scheme } = tools[tool];
  // A folder of ours: version files and settings of the user's folder must not choose for us.
  const PATH = [dirname(program), env.PATH, dirname(process.execPath)].filter(Boolean).join(delimiter);
  return new Promise((resolve) => {
    execFile(
      program,
      versionArgs,
      { cwd: cache, env: { ...env, PATH }, timeout: VERSION_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 20 },
      (error, stdout, stderr) => {
        const text = `${stdout}\n${stderr}`;
        const match = versionAfter.exec(text);
        const foreign = tool === 'python' && text.includes('PyPy');
        resolve(
          error !== null || match === null || foreign
            ? null
            : readVersion(text.slice(match.index + match[0].length).slice(0, 200), scheme),
        );
      },
    );
  });
}

function found(
  { tool, cache }: FindTool,
  { program, version, origin }: Candidate,
  env: Environment,
  degraded: string | null,
): FoundTool {
  const bin = linkTool(cache, tool, version, entriesOf(tool, program, tool === 'node' ? findNpmCli(env) : null));
  return { tool, version, bin, env: extraEnvironment(tool, program), origin, degraded };
}

function extraEnvironment(tool: ToolName, program: string): Record<string, string> {
  const folder = dirname(executable(program)!);
  if (tool === 'dotnet') return { DOTNET_ROOT: folder };
  if (tool !== 'java' || basename(folder) !== 'bin') return {};
  const home = dirname(folder);
  // Java 8 keeps its runtime in a folder of the JDK.
  return { JAVA_HOME: basename(home) === 'jre' && existsSync(join(home, '../bin/javac')) ? dirname(home) : home };
}
