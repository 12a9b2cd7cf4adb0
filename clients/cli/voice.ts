/** How a run is told: lines for people, or one JSON object per line for programs. */
import type { Asked } from '../../actors/front-door/contract-runs.js';
import type { Fact, Result } from '../../actors/run/contract.js';
import { word } from '../../runtime/shell.js';
import type { Told } from './connect.js';
import { tellError } from './exit.js';
import { fixWords } from './fix-words.js';
import { harmless } from './harmless.js';

export interface Voice {
  say(line: string): void;
  begin(run: string, source: string, elsewhere: boolean): void;
  fact(fact: Told): void;
  /** A person must decide before it goes on. */
  asks(asked: Asked): void;
  result(result: Result): void;
  holds(): void;
  ended(state: string): void;
  error(error: unknown): void;
  /** Resolves when the result was heard of; `ended$` when the end was. */
  settled: Promise<void>;
  ended$: Promise<void>;
}

const paint = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** What somebody may do about a step that waits. */
const waitWords = ({
  for: what,
  question,
  options,
  until,
  signal,
}: Extract<Fact, { type: 'run.step-waits' }>): string =>
  what === 'approval'
    ? `${question} (${options?.join(', ')}): rr approve`
    : what === 'signal'
      ? `waits for the signal ${signal}: rr signal`
      : `waits until ${new Date(until ?? 0).toISOString()}`;

/** `api deps` for `services[0].deps`, which is done for the item called api. */
const nameOf = ({ step, of }: Extract<Fact, { type: 'run.step-began' | 'run.step-ended' }>): string =>
  of === undefined ? step : step.endsWith(']') ? of : `${of} ${step.slice(step.lastIndexOf('.') + 1)}`;

/** A step that takes longer than the first is said to be at work then, and again after each pause; the last one repeats. */
const STILL_MS = [10_000, 50_000, 240_000, 300_000];

const healed = ({ of }: { of?: string | undefined }): string => (of === undefined ? 'heal' : `${of} heal`);

export function openVoice(json: boolean): Voice {
  const colours = !json && process.stdout.isTTY === true && !process.env.NO_COLOR;
  const [bold, dim, green, red, yellow] = [1, 2, 32, 31, 33].map((code) =>
    colours ? paint(code) : (text: string) => text,
  ) as [
    (t: string) => string,
    (t: string) => string,
    (t: string) => string,
    (t: string) => string,
    (t: string) => string,
  ];
  const out = (line: string): void => void process.stdout.write(`${line}\n`);
  const object = (value: object): void => out(JSON.stringify(value));
  const heard = new Set<string>();
  let told: string | null = null;
  /** Steps at work, by their keys. */
  const atWork = new Map<string, NodeJS.Timeout>();
  const rest = (step: string): void => {
    clearTimeout(atWork.get(step));
    atWork.delete(step);
  };
  const watch = (step: string, name: string, times = 0, ms = 0): void => {
    rest(step);
    const pause = STILL_MS[Math.min(times, STILL_MS.length - 1)]!;
    const still = (): void => {
      // What consists of other steps is told by those.
      if (![...atWork.keys()].some((key) => key.startsWith(`${step}[`)))
        say(
          `${name} is at work for ${Math.round((ms + pause) / 1000)} s${told === null ? '' : `; rr logs ${told} -f shows what it prints`}`,
        );
      watch(step, name, times + 1, ms + pause);
    };
    atWork.set(step, setTimeout(still, pause).unref());
  };
  const say = (line: string): void => void process.stderr.write(`${json ? line : dim(`· ${harmless(line)}`)}\n`);
  let settle = (): void => undefined;
  let end = (): void => undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const ended$ = new Promise<void>((resolve) => {
    end = resolve;
  });
  const row = (mark: string, step: string, ms: number | null, text: string): void =>
    out(
      `${mark} ${step.padEnd(11)} ${dim((ms === null ? '' : seconds(ms)).padStart(Math.max(0, 18 - Math.max(11, step.length))))}  ${text}`,
    );

  return {
    settled,
    ended$,
    say,
    begin(run, given, elsewhere) {
      told = run;
      const source = harmless(given).replace(/(:\/\/)[^/?#\s]*@/, '$1'); // a password in a URL is for nobody's screen
      if (json) object({ type: 'run', run, source });
      else
        out(
          `${bold('repo-runner')} ${source}\n${dim(`  run ${run}${elsewhere ? ', on the runtime that is up' : ''}`)}`,
        );
    },
    fact({ id, type, at, payload }) {
      if (heard.has(id)) return;
      heard.add(id);
      const raw = { type, ...payload } as Fact;
      const fact = json ? raw : harmless(raw);
      if (fact.type === 'run.settled') settle();
      if (fact.type === 'run.ended') end();
      if (json) {
        if (fact.type !== 'run.settled') object({ ...fact, at });
        return;
      }
      switch (fact.type) {
        case 'run.step-began':
          watch(fact.step, nameOf(fact));
          break;
        case 'run.step-ended':
          rest(fact.step);
          // One of many of a kind that has nothing of its own to say: the whole says it.
          if (fact.ok && fact.note === '' && fact.step.endsWith(']')) break;
          row(fact.ok ? green('✓') : red('✗'), nameOf(fact), fact.ms, fact.note);
          break;
        case 'run.step-waits':
          rest(fact.step); // it waits for somebody, who is told
          row(yellow('…'), fact.step, null, waitWords(fact));
          break;
        case 'run.decided':
          row(green('✓'), fact.step, null, `${fact.decision.option}, by ${String(fact.decision.facts.who)}`);
          break;
        case 'run.compensated':
          row(
            fact.ok ? yellow('↺') : red('✗'),
            'undo',
            null,
            fact.ok ? `${fact.step} is taken back` : `${fact.step} could not be taken back: ${fact.error?.message}`,
          );
          break;
        case 'run.app-fell':
          row(
            yellow('↻'),
            fact.service ? `${fact.service} restart` : 'restart',
            null,
            `${fact.error?.message ?? (fact.signal ? `ended by ${fact.signal}` : `ended with ${fact.exitCode}`)}; started again in ${seconds(fact.inMs)}`,
          );
          break;
        case 'run.app-restarted':
          row(
            green('✓'),
            fact.service ? `${fact.service} restart` : 'restart',
            null,
            `it is up again${fact.url ? `: ${fact.url}` : ''}`,
          );
          break;
        case 'run.app-healing':
          row(red('✗'), 'fell', null, `${fact.service}: ${fact.reason}; a repair is sought`);
          break;
        case 'run.app-healed':
          row(
            green('✓'),
            'healed',
            null,
            `${fact.service} is up again after ${seconds(fact.downMs)}${fact.url ? `: ${fact.url}` : ''}`,
          );
          break;
        case 'run.app-helpless':
          row(red('✗'), 'unwell', null, `no repair is known; ${fact.service} is left as it is: ${fact.error.message}`);
          break;
        case 'run.app-unwell':
          row(red('✗'), 'unwell', null, `${fact.service}: ${fact.reason}`);
          break;
        case 'run.app-well':
          row(green('✓'), 'well', null, `${fact.service} is well again after ${seconds(fact.downMs)}`);
          break;
        case 'run.server-fell':
          row(yellow('↻'), fact.server, null, `${fact.reason}; begun again`);
          break;
        case 'run.server-restarted':
          row(green('✓'), fact.server, null, `it is up again after ${seconds(fact.downMs)}, on port ${fact.port}`);
          break;
        case 'run.server-lost':
          row(red('✗'), fact.server, null, fact.error.message);
          break;
        case 'run.fix-tried':
          row(yellow('↻'), healed(fact.fix), fact.fix.ms, `${fixWords(fact.fix)}  ${dim(`(${fact.fix.rule})`)}`);
          break;
        case 'run.fix-judged':
          row(
            fact.fix.helped ? green('✓') : yellow('↺'),
            healed(fact.fix),
            null,
            fact.fix.helped ? `${fact.fix.rule} helped` : `${fact.fix.rule} did not help: undone`,
          );
          break;
        case 'run.ended':
          if (fact.left.length > 0) row(yellow('!'), 'sweep', null, `could not be ended: pid ${fact.left.join(', ')}`);
          if (fact.unswept) row(yellow('!'), 'sweep', null, `not known what is left: ${fact.unswept.message}`);
          break;
        case 'run.app-exited':
          row(
            red('✗'),
            fact.service ? `${fact.service} exited` : 'exited',
            null,
            fact.error?.message ?? (fact.signal ? `ended by ${fact.signal}` : `ended with ${fact.exitCode}`),
          );
          for (const line of fact.lines.slice(-5)) out(dim(`              ${line}`));
          break;
      }
    },
    asks(asked) {
      if (heard.has(asked.id)) return;
      heard.add(asked.id);
      if (json) return object({ type: 'asked', ...asked });
      row(yellow('?'), 'decide', null, asked.error);
      out(dim(`              rr decide ${asked.id} ${asked.options.join('|')}`));
    },
    result(result) {
      for (const step of [...atWork.keys()]) rest(step);
      if (json) return object(result);
      const { outcome, services, error, ms, bundle, degraded, output, tests, fixes } = harmless(result);
      for (const line of degraded) out(yellow(`! ${line}`));
      if (outcome === 'healthy' && services.length > 1) {
        const words = error ? yellow(bold('partly up')) : green(bold('healthy'));
        out(`${words} in ${seconds(ms.total)}`);
        for (const { name, url, proof } of services)
          out(`  ${name.padEnd(12)} ${url ? bold(url) : proof ? 'is up' : red('is not up')}`);
        if (error) out(`  ${bold('next:')} ${error.fix}  ${dim(`[${error.code}]`)}`);
      } else if (outcome === 'healthy') {
        const url = services[0]?.url;
        out(
          `${green(bold('healthy'))} in ${seconds(ms.total)}${url ? `  ${bold(url)}` : `  ${(services[0]?.proof as { excerpt?: string } | null)?.excerpt?.slice(0, 100) ?? ''}`}`,
        );
      } else {
        out(`${red(bold(outcome))} after ${seconds(ms.total)}`);
        if (error) out(`  ${error.message}\n  ${bold('next:')} ${error.fix}  ${dim(`[${error.code}]`)}`);
      }
      if (tests && tests.total !== null)
        out(
          `  tests ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped, of ${tests.total}  ${dim(`${tests.command}, ${seconds(tests.ms)}`)}`,
        );
      for (const path of new Set(fixes.flatMap(({ patch }) => patch ?? [])))
        out(`  patch ${bold(`git apply ${word(`${bundle}/${path}`)}`)}  ${dim('makes the repair needless')}`);
      if (output && services.length < 2) out(JSON.stringify(output, null, 2));
      out(dim(`  bundle ${bundle}`));
    },
    holds: () => (json ? undefined : out(dim('  Ctrl-C stops it'))),
    ended: (state) => (json ? object({ type: 'ended', state }) : undefined),
    error: (error) => void tellError(error, json),
  };
}
