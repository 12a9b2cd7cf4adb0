/**
 * Tells that processes wait for hosts that do not answer.
 *
 * Package managers are patient: npm says nothing for a quarter of an hour while a registry takes its connections and is
 * silent. What is sure before that: the processes compute nothing, they hold connections, and at the other end of each
 * of them nobody answers a question of ours either, for `silentMs`. So a network that is slow and works
 * is not found silent: whoever answers us, however late within that time, is not; nor is a host that nobody waits for.
 *
 * Only addresses to which the processes are connected anyway are asked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Process } from '../../runtime/identity.js';
import { type Connection, connections, listeners } from '../process/sockets.js';
import { type Address, type Answer, ask, type Site } from './answers.js';
import { addressesOf, keyOf, type Origin } from './origins.js';

export interface Watched {
  /** The processes as they are now. */
  processes: () => readonly Process[];
  /** Sites that they may be connected to; asked for once, when something seems to wait. */
  origins: () => readonly Origin[];
  /** Names the site at an address that none of `origins` has; asked for once, when it is silent. */
  nameless?: () => Promise<Origin | null>;
  /** Default 25 000. */
  silentMs?: number;
  /** Between looks; default 1 000. */
  everyMs?: number;
}
/** In words: `registry.example: no connection is taken, for 25 s`. */
export const silenceLine = ({ hosts, connects, seconds }: Silence): string =>
  `${hosts.join(', ')}: ${connects ? 'connections are taken and nothing is sent' : 'no connection is taken'}, for ${seconds} s`;
export interface Silence {
  /** Names with ports, where they are not the usual ones. */
  hosts: string[];
  /** Whether connections are taken at all. */
  connects: boolean;
  seconds: number;
}

const SILENT_MS = 25_000;
const EVERY_MS = 1_000;
/** How long an answer is believed. */
const GOOD_MS = 15_000;
/** A peer that was not seen for so long is a new one. */
const FORGET_MS = 15_000;
/** Who was found silent is given less time to prove it wrong, for so long. */
const LATELY_MS = 60_000;
const LATELY_SHARE = 1 / 4;
/** Address → since when it is silent, and when that was found, of this process. */
const lately = new Map<string, { since: number; at: number }>();
/** Who uses less of a processor than this waits. */
const WAITING = 0.1;

interface Peer extends Address {
  site: Site | null;
  seenAt: number;
  askedAt: number;
  answer: Answer | null;
}

/** Resolves when they wait in vain, with whom they wait for; null once called off. */
export async function findSilence(o: Watched, signal: AbortSignal): Promise<Silence | null> {
  const silentMs = o.silentMs ?? SILENT_MS;
  const peers = new Map<string, Peer>();
  let sites: Map<string, Site> | null = null;
  let asking = new AbortController();
  let before: { at: number; cpuSeconds: number } | null = null;
  const forget = (): void => {
    asking.abort();
    asking = new AbortController();
    peers.clear();
  };
  signal.addEventListener('abort', () => asking.abort(), { once: true });

  for (; await pause(o.everyMs ?? EVERY_MS, signal); ) {
    const now = performance.now();
    const tree = o.processes();
    const cpuSeconds = tree.reduce((sum, each) => sum + each.cpuSeconds, 0);
    const works =
      before === null || cpuSeconds - before.cpuSeconds > (WAITING * (now - before.at)) / 1_000 || tree.length === 0;
    before = { at: now, cpuSeconds };
    if (works) {
      forget();
      continue;
    }
    const waitedFor = await remoteEnds(tree.map(({ pid }) => pid));
    sites ??= waitedFor.size > 0 ? await addressesOf(o.origins()) : null;
    for (const [key, peer] of peers) if (now - peer.seenAt > FORGET_MS) peers.delete(key);

    for (const [key, { host, port, established }] of waitedFor) {
      const known: Peer = peers.get(key) ?? {
        host,
        port,
        site: sites?.get(key) ?? usualSite(port),
        seenAt: now,
        askedAt: Number.NEGATIVE_INFINITY,
        answer: 'answers',
      };
      peers.set(key, known);
      known.seenAt = now;
      if (known.answer !== 'answers' || now - known.askedAt < GOOD_MS) continue;
      if (known.site === null && established) continue; // it took that connection, and more cannot be asked
      Object.assign(known, { askedAt: now, answer: null });
      const found = lately.get(key);
      const share = found !== undefined && now - found.at < LATELY_MS ? LATELY_SHARE : 1;
      void ask(known, known.site, silentMs * share, asking.signal).then((answer) => {
        known.answer = answer;
      });
    }
    const current = [...waitedFor.keys()].map((key) => peers.get(key)!);
    const silent = current.filter(({ answer }) => answer === 'silent' || answer === 'closed');
    if (silent.length === 0 || silent.length < current.length) continue;
    asking.abort();
    const since = silent.map((peer) => {
      const found = lately.get(keyOf(peer));
      const from = found !== undefined && now - found.at < LATELY_MS ? found.since : peer.askedAt;
      lately.set(keyOf(peer), { since: from, at: now });
      return from;
    });
    const names = await Promise.all(silent.map((peer) => nameOf(peer, o.nameless)));
    if (signal.aborted) return null;
    return {
      hosts: [...new Set(names)],
      connects: silent.some(({ answer }) => answer === 'silent'),
      seconds: Math.round((now - Math.max(...since)) / 1_000),
    };
  }
  forget();
  return null;
}

/** Those that processes are connected to, or try to be, each once; not one another, and not who came to them. */
async function remoteEnds(pids: readonly number[]): Promise<Map<string, Connection>> {
  const own = new Set((await listeners(pids)).map(({ port }) => port));
  const open = await connections(pids);
  const ours = new Set(open.map(({ localPort }) => localPort));
  return new Map(
    open
      .filter(({ localPort, port }) => !own.has(localPort) && !own.has(port) && !ours.has(port))
      .map((each) => [keyOf(each), each]),
  );
}

/** What listens where by custom. Of another port nobody knows what to say to whoever is there. */
const usualSite = (port: number): Site | null =>
  port === 443 ? { name: null, tls: true } : port === 80 ? { name: null, tls: false } : null;

async function nameOf({ host, port, site }: Peer, nameless: Watched['nameless']): Promise<string> {
  let name = site?.name ?? null;
  if (name === null) {
    const origin = (await nameless?.()) ?? null;
    if (origin !== null && (await addressesOf([origin])).has(keyOf({ host, port }))) name = origin.name;
  }
  return port === 443 || port === 80 ? (name ?? host) : `${name ?? host}:${port}`;
}

/** Waits; false: called off. */
const pause = (ms: number, signal: AbortSignal): Promise<boolean> => sleep(ms, true, { signal }).catch(() => false);
