/**
 * Gets a repository from a URL: one commit, no history, no submodules, no large files by LFS.
 *
 * Asked first with `ls-remote`, so that a host out of reach is known within 20 s (asked twice, within a minute) and a
 * wrong name before anything is fetched. On failure the folder is gone. The URL's password goes to git only; neither the clone's configuration nor an
 * error ever holds it.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, RunnerError } from '../../runtime/errors.js';
import { type GitAnswer, type GitCall, gitEnvironment, runGit } from './git.js';

export interface CloneOptions {
  url: string;
  /** A branch, tag or commit; null: what the server's HEAD names. */
  ref: string | null;
  /** The folder to make; what is there is removed first. */
  to: string;
  signal?: AbortSignal;
  /** Default 10 minutes. */
  limitMs?: number;
}
export interface Cloned {
  commit: string;
  notes: string[];
}

const REACH_MS = 20_000;
const LIMIT_MS = 10 * 60_000;
const PROTOCOLS = 'https:http:ssh:git:file';
const SETTINGS = [
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['fetch.recurseSubmodules', 'false'],
] as const;

const scheme = /^(https?|ssh|git|file|git\+ssh|ssh\+git):\/\/\S/i;
const scpLike = /^[\w.-]+@[\w.-]+:(?!\/\/)\S/;
/** Whether a source names a repository somewhere else rather than a path here. */
export const isGitUrl = (source: string): boolean => scheme.test(source) || scpLike.test(source);
/** The URL without user and password, for people and files. */
export const withoutPassword = (url: string): string => url.replace(/([a-z+]+:\/\/)[^/?#\s]*@/gi, '$1');

/** @throws GIT_FAILED with the true reason, REPOSITORY_EMPTY, TOOL_MISSING (no git). */
export async function cloneRepository({ url, ref, to, signal, limitMs = LIMIT_MS }: CloneOptions): Promise<Cloned> {
  if (ref !== null && /^-|[\s~^:?*[\\]|\.\.|^$/.test(ref))
    throw gitFailed(url, `"${ref}" is no name of a branch, tag or commit`, 'give a branch, a tag or a commit');
  const until = Date.now() + limitMs;
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  try {
    const env = { GIT_SSH_COMMAND: await sshCommand(to) };
    const must: Must = async (args, most = limitMs) => {
      const left = Math.max(1, Math.min(most, until - Date.now()));
      const call: GitCall = { cwd: to, protocols: PROTOCOLS, settings: SETTINGS, env, limitMs: left };
      const answer = await runGit(args, signal ? { ...call, signal } : call);
      if (answer.code !== 0) throw explain(url, answer, most, ref);
      return answer;
    };
    const want = await findWanted(url, ref, must);
    await must(['init', '--quiet', '--template=', '.']);
    const shallow = ['fetch', '--quiet', '--depth', '1', '--no-tags', '--', url];
    if (want.ref !== null) await must([...shallow, want.ref]);
    else await fetchCommit(want.commit, shallow, url, must);
    const commit = want.ref !== null ? 'FETCH_HEAD^{commit}' : `${want.commit}^{commit}`;
    await must(['checkout', '--quiet', '--force', '--detach', commit]);
    const head = await must(['rev-parse', 'HEAD']);
    const notes = existsSync(join(to, '.gitmodules'))
      ? ['the repository has submodules (.gitmodules); they were not fetched']
      : [];
    return { commit: head.stdout.toString('latin1').trim(), notes };
  } catch (error) {
    await rm(to, { recursive: true, force: true });
    throw error;
  }
}

type Must = (args: string[], most?: number) => Promise<GitAnswer>;
type Wanted = { ref: string } | { ref: null; commit: string };

async function findWanted(url: string, ref: string | null, must: Must): Promise<Wanted> {
  const { stdout } = await must(['ls-remote', '--quiet', '--', url], REACH_MS);
  const lines = stdout.toString('utf8').split('\n');
  const names = new Set(lines.map((line) => line.split('\t')[1] ?? ''));
  const known = (...each: string[]): string | undefined => each.find((name) => names.has(name));
  if (ref !== null) {
    const full = known(ref, `refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`);
    if (full !== undefined) return { ref: full };
    if (/^[0-9a-f]{7,64}$/i.test(ref)) return { ref: null, commit: ref.toLowerCase() };
    throw gitFailed(url, `it has no branch or tag called ${ref}`, 'check the name; git ls-remote lists what is there');
  }
  const first = [...names].find((name) => name.startsWith('refs/heads/'));
  const main = known('HEAD', 'refs/heads/main', 'refs/heads/master') ?? first;
  if (main === undefined) throw fail('REPOSITORY_EMPTY', { path: withoutPassword(url) });
  return { ref: main };
}

/** Not every server gives a commit by its id, and none by the start of it: then everything is fetched. */
async function fetchCommit(commit: string, shallow: string[], url: string, must: Must): Promise<void> {
  if (commit.length >= 40) {
    try {
      await must([...shallow, commit]);
      return;
    } catch (error) {
      // Refused by the server: the long way says what is wrong, if anything.
      if (!(error instanceof RunnerError) || error.code !== 'GIT_FAILED') throw error;
    }
  }
  await must(['fetch', '--quiet', '--', url, '+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']);
  try {
    await must(['rev-parse', '--quiet', '--verify', `${commit}^{commit}`]);
  } catch (error) {
    throw gitFailed(url, `it has no commit ${commit}`, 'check the id: it must belong to a branch or tag', error);
  }
}

/** The user's own ssh command, told never to ask and not to wait long for a host. */
async function sshCommand(cwd: string): Promise<string> {
  const { code, stdout } = await runGit(['config', '--global', 'core.sshCommand'], { cwd });
  const { GIT_SSH_COMMAND, GIT_SSH } = gitEnvironment({ cwd });
  const own = GIT_SSH_COMMAND ?? GIT_SSH ?? (code === 0 ? stdout.toString('utf8').trim() : '');
  return `${own || 'ssh'} -o BatchMode=yes -o ConnectTimeout=15`;
}

const gitFailed = (url: string, reason: string, fix: string, cause?: unknown): RunnerError =>
  fail('GIT_FAILED', { url: withoutPassword(url), reason, fix }, cause);

const network = 'check the address, the network and the proxy settings';
/** What git wrote, as what is wrong and what to do about it; the first that matches. */
// biome-ignore format: a table
const reasons: readonly [RegExp, reason: string, fix: string][] = [
  [/ssh: (command )?not found|cannot run ssh/i, 'ssh is not installed', 'install an ssh client, or give the https URL'],
  [/Could not resolve (host|proxy|hostname)|Name or service not known|name resolution|nodename nor servname/i,
    'its host cannot be found', network],
  [/Connection refused|Failed to connect|Could(n't| not) connect|No route to host|Network is unreachable|timed out|Connection reset|unable to connect/i,
    'its host is out of reach', network],
  [/dubious ownership/i, 'the folder belongs to another user', 'give the folder itself instead of a file:// URL'],
  [/Host key verification failed/i, 'the key of its host is not known here', 'connect to the host once with ssh and accept its key'],
  [/could not read (Username|Password)|Authentication failed|Permission denied|Invalid username|access denied|error: 40[13]\b/i,
    'it wants credentials, or does not exist',
    'check the spelling; for a private repository set up git credentials or an ssh key, then try git ls-remote by hand'],
  [/not found|does not exist|does not appear to be a git repository|No such file|error: 404|is this a git repository/i,
    'there is no such repository', 'check the spelling; a private repository needs git credentials'],
  [/SSL|certificate|\bTLS\b/i, 'its certificate was not accepted',
    "name the authority's certificate: git config --global http.sslCAInfo FILE"],
  [/protocol .*not (supported|allowed)|transport .*not allowed|remote helper/i,
    'git does not speak this protocol here', 'give an https, ssh or file URL'],
  [/No space left|Disk quota/i, 'the disk is full', 'free some space, or choose another state folder: --state DIR'],
];

function explain(url: string, { stderr, late, code }: GitAnswer, limitMs: number, ref: string | null): RunnerError {
  if (late)
    return limitMs <= REACH_MS
      ? gitFailed(url, `it gave no answer within ${limitMs / 1000} s`, network)
      : gitFailed(url, `it took longer than ${limitMs / 60_000} min`, 'clone it by hand and give the folder');
  const said = withoutPassword(stderr.replaceAll(url, withoutPassword(url)));
  const lines = said
    .split('\n')
    .map((line) => line.replace(/^(fatal|error|remote): ?/, '').trim())
    .filter((line) => line !== '');
  const telling = lines.find((line) => /^(unable|could|repository|ssh)/i.test(line)) ?? lines.at(-1);
  const shown = (telling ?? `exit code ${code}`).slice(0, 300);
  const known = reasons.find(([pattern]) => pattern.test(said));
  if (known) return gitFailed(url, `${known[1]} (${shown})`, known[2]);
  return gitFailed(url, shown, `try it by hand: git ls-remote ${withoutPassword(url)}${ref === null ? '' : ` ${ref}`}`);
}
