/** Exit codes (docs/cli.md) and the one way errors are told. */
import { type ErrorRecord, toRecord } from '../../runtime/errors.js';
import { harmless } from './harmless.js';

export const codes = { ok: 0, failed: 1, usage: 2, needsInput: 3, ours: 4, interrupted: 130 } as const;

const usage = new Set([
  'USAGE',
  'CONFIG_INVALID',
  'PATH_MISSING',
  'PATH_NOT_DIRECTORY',
  'PATH_UNREADABLE',
  'RUN_UNKNOWN',
  'RUN_NOT_PROVEN',
  'ACTOR_UNKNOWN',
  'VERSION_UNKNOWN',
  'QUARANTINE_UNKNOWN',
  'SERVICE_UNKNOWN',
  'WORKFLOW_UNKNOWN',
  'WORKFLOW_INVALID',
  'RUN_NOT_WAITING',
]);
/** Nothing that a repository or its user can bring about. */
const broken = new Set(['INTERNAL', 'DECIDE_THREW', 'RUN_STRANDED', 'ACTOR_STOPPED']);
const needs = new Set([
  'BROKER_ABSENT',
  'TOOL_MISSING',
  'SERVICE_MISSING',
  'PORT_HELD',
  'APPROVAL_MISSING',
  'ACTOR_DOWN',
  'ENGINE_UNAVAILABLE',
]);

/** Wrong use, where they come at once: in the outcome of a run they are no fault of who asked for it. */
const wrong = new Set(['MESSAGE_INVALID', 'MESSAGE_LARGE', 'DECISION_OVER', 'MANIFEST_INVALID']);
/** What was asked could not be done, by the one who was asked. */
const failed = new Set([
  'REPOSITORY_EMPTY',
  'NOT_RUNNABLE',
  'NO_ACTOR',
  'ASK_TIMEOUT',
  'KIND_QUARANTINED',
  'AGENT_FAILED',
  'EXPORT_BROKEN',
  'IMAGE_UNAVAILABLE',
]);

export const codeOf = ({ code }: { code: string }): number => {
  if (usage.has(code) || wrong.has(code)) return codes.usage;
  if (code === 'INTERRUPTED') return codes.interrupted;
  if (needs.has(code)) return codes.needsInput;
  return failed.has(code) ? codes.failed : codes.ours;
};
/** @param error of the result: what was asked for wrongly may only be known once the repository was looked at. */
export const outcomeCode = (outcome: string, error: { code: string } | null): number => {
  if (outcome === 'failed' && error !== null && usage.has(error.code)) return codes.usage;
  if (outcome === 'failed' && error !== null && broken.has(error.code)) return codes.ours;
  if (outcome === 'healthy' && error !== null) return codes.failed; // some of it is up
  return { healthy: codes.ok, 'needs-input': codes.needsInput, cancelled: codes.interrupted }[outcome] ?? codes.failed;
};

/** An error for people: what was met and wanted, then the fix. Or for programs: one JSON object. */
export function tellError(error: unknown, json: boolean): ErrorRecord {
  const record = toRecord(error);
  if (json) process.stdout.write(`${JSON.stringify({ type: 'error', error: record })}\n`);
  else process.stderr.write(harmless(`rr: ${record.message}\n    fix: ${record.fix}  [${record.code}]\n`));
  return record;
}

/** Ends us when nobody takes what we print: who reads only the first lines has seen enough, a full disk is told. */
export function endWithStdout(): void {
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    const isEnough = error.code === 'EPIPE';
    if (!isEnough) tellError(error, false);
    process.exit(isEnough ? codes.ok : codes.ours);
  });
}
