/**
 * Getting bubblewrap without root: Debian's package, downloaded by apt and unpacked into our cache, as the broker is
 * (runtime/broker/fetch.ts says what is promised of that). Its libraries are fetched too where the system lacks them.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { downloadPackages, fetcher, Refusal } from '../../runtime/broker/fetch.js';
import { type Bwrap, bwrapCache, probe } from './find.js';

const NAME = 'bubblewrap';
const LIBRARIES = ['libcap2', 'libselinux1', 'libpcre2-8-0'];
const UNPACK_MS = 20_000;
/** Where nothing could be fetched it is not tried again for so long: each try may wait for sources that are silent. */
const REFUSED_MS = 60 * 60_000;
const LEFTOVER_MS = 60 * 60_000;

/**
 * @param patient a former refusal does not count. @param totalMs the most it may take.
 * @returns the tool, or why there is none, in words.
 */
export async function fetchBwrap(
  cache: string,
  { say, patient, totalMs }: { say: (line: string) => void; patient: boolean; totalMs: number },
): Promise<Bwrap | string> {
  const folder = bwrapCache(cache);
  const refused = join(folder, '.refused');
  if (fetcher() === null) return 'there is no apt-get with dpkg to fetch it with';
  if (!patient && existsSync(refused) && Date.now() - statSync(refused).mtimeMs < REFUSED_MS)
    return readFileSync(refused, 'utf8');
  mkdirSync(folder, { recursive: true });
  removeLeftovers(folder);
  say(`fetching ${NAME} from this machine's package source into ${folder}`);
  const work = mkdtempSync(join(folder, '.fetch-'));
  try {
    const place = await unpack(work, folder, [NAME], totalMs);
    let met = await probe(join(place, 'usr', 'bin', 'bwrap'), 'cache');
    if (typeof met === 'string' && /shared librar|exit code 127/.test(met)) {
      rmSync(place, { recursive: true, force: true });
      const whole = await unpack(work, folder, [NAME, ...LIBRARIES], totalMs);
      met = await probe(join(whole, 'usr', 'bin', 'bwrap'), 'cache');
    }
    if (typeof met !== 'string') return met;
    return `the one fetched ${met}`;
  } catch (error) {
    if (!(error instanceof Refusal) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    const why = `none could be fetched (${(error as Error).message})`;
    writeFileSync(refused, why);
    return why;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Downloads packages, unpacks them over each other and renames the whole into place. */
async function unpack(work: string, folder: string, names: string[], totalMs: number): Promise<string> {
  await downloadPackages(work, names, undefined, totalMs);
  const root = join(work, `root-${names.length}`);
  const debs = readdirSync(work).filter((name) => name.endsWith('.deb'));
  const own = debs.find((name) => name.startsWith(`${NAME}_`));
  if (own === undefined) throw new Refusal('apt-get download brought no package');
  for (const deb of debs) await promisify(execFile)('dpkg', ['-x', join(work, deb), root], { timeout: UNPACK_MS });
  const place = join(folder, own.slice(0, -'.deb'.length));
  try {
    renameSync(root, place);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // Somebody else's, put there first: the same package.
  }
  return place;
}

function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder).filter((one) => one.startsWith('.fetch-'))) {
    const path = join(folder, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LEFTOVER_MS) rmSync(path, { recursive: true, force: true });
  }
}
