/**
 * What an open run waits for: pure. Every run that has not ended waits for something that is bound to come, or for a
 * person or a signal, and says so. One that waits for nothing would stay so for ever: that is our fault, and is told.
 */
import { isMending, type RunContext, risesAt, risingOf } from './state.js';

export interface Wake {
  for:
    | 'start'
    | 'answer'
    | 'time'
    | 'approval'
    | 'signal'
    | 'semaphore'
    | 'fix'
    | 'verdict'
    | 'end-of-application'
    | 'undoing'
    | 'sweep';
  /** Key of the step; null: the run as a whole. */
  step: string | null;
  /** Epoch ms at which it is over in any case; null: it has no limit. */
  until: number | null;
  /** What is asked, or the name of the signal. */
  what?: string;
  options?: string[];
}

/** @returns all that would wake it; empty for a run that has ended, and for one that nothing will. */
export function nextWake(c: RunContext): Wake[] {
  const run = (reason: Wake['for'], until: number | null = null): Wake[] => [{ for: reason, step: null, until }];
  switch (c.mode) {
    case 'idle':
      return run('start');
    case 'up':
      return [...run('end-of-application'), ...risingOf(c).flatMap((part) => ofRising(c, part))];
    case 'undoing':
      return run('undoing', c.waits.undo ?? null);
    case 'ending':
      return run('sweep');
    case 'ended':
      return [];
  }
  const found = Object.keys(c.steps).flatMap((key) => {
    const one = ofStep(c, key);
    return one ? [one] : [];
  });
  if (c.recovery && c.recovery.stage !== 'mending') return [{ for: 'fix', step: c.recovery.step, until: null }];
  if (c.mode === 'restarting' && found.length === 0 && !c.failing)
    found.push({ for: 'time', step: null, until: c.waits.restart ?? null });
  if (c.failing) found.push({ for: 'fix', step: c.failing.step, until: null });
  for (const [part, { failing }] of Object.entries(c.parts))
    if (failing) found.push({ for: 'fix', step: `${part}.${failing.step}`, until: null });
  return found;
}
/** A part that was up and will be again. */
function ofRising(c: RunContext, part: string): Wake[] {
  const { recovery, failing } = c.parts[part]!;
  const fixed = failing?.step ?? (recovery && recovery.stage !== 'mending' ? recovery.step : null);
  if (fixed !== null) return [{ for: 'fix', step: `${part}.${fixed}`, until: null }];
  const within = Object.keys(c.steps).filter((key) => key.startsWith(`${part}.`));
  const at = within.flatMap((key) => ofStep(c, key) ?? []);
  if (at.length > 0 || recovery) return at;
  return [{ for: 'time', step: part, until: c.waits[risesAt(part)] ?? null }];
}
function ofStep(c: RunContext, step: string): Wake | null {
  const until = c.waits[step] ?? null;
  switch (c.steps[step]!.state) {
    case 'running': // a whole waits by its parts
      return step in c.groups || step in c.inputs ? null : { for: 'answer', step, until };
    case 'queued':
      return { for: 'semaphore', step, until };
    case 'backoff':
      return until === null ? null : { for: 'time', step, until };
    case 'waiting': {
      const asked = c.approvals[step];
      if (asked) return { for: 'approval', step, until, what: asked.question, options: asked.options };
      const signal = c.listening[step];
      if (signal !== undefined) return { for: 'signal', step, until, what: signal };
      return until === null ? null : { for: 'time', step, until };
    }
    default:
      return null;
  }
}

/** Whether nothing would ever wake it though it is open. Asked after every turn, so it stops at the first answer. */
export function isStranded(c: RunContext): boolean {
  if ((c.mode !== 'walking' && c.recovery?.stage !== 'mending') || isMending(c)) return false;
  for (const key in c.steps) {
    const { state } = c.steps[key]!;
    if (state !== 'done' && state !== 'pending' && ofStep(c, key)) return false;
  }
  return true;
}
