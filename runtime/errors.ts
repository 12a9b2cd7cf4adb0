/**
 * The one table of errors. A code is forever: others match on it, docs/errors.md explains it.
 *
 * `message` gives the value met and the one wanted; `fix` gives the next action. `{name}` is filled from the
 * details given to `fail`. `retry: 'later'` means the same call may succeed without anybody changing anything.
 */
export const errors = {
  // Wrong use: exit code 2.
  USAGE: { message: '{met}', fix: '{fix}', retry: 'never' },
  CONFIG_INVALID: {
    message: 'the setting {name} is {met}, wanted {wanted}',
    fix: 'change it in {origin}',
    retry: 'never',
  },
  PATH_MISSING: {
    message: 'there is nothing at {path}, wanted a folder with a repository',
    fix: 'check the spelling, or give a git URL',
    retry: 'never',
  },
  PATH_NOT_DIRECTORY: {
    message: '{path} is a {met}, wanted a folder',
    fix: 'give the folder that holds the repository, or a .zip/.tar.gz archive',
    retry: 'never',
  },
  PATH_UNREADABLE: {
    message: '{path} cannot be read ({met})',
    fix: 'make it readable for this user: chmod -R u+rX {path}',
    retry: 'never',
  },
  RUN_NOT_PROVEN: {
    message: '{met}, wanted one that was proven',
    fix: 'bring it up first: rr run; rr ps --all lists the runs with their outcome',
    retry: 'never',
  },
  RUN_UNKNOWN: {
    message: 'no run is called {run}',
    fix: 'rr ps --all lists the runs of this state folder',
    retry: 'never',
  },
  ACTOR_UNKNOWN: {
    message: 'no actor is called {address}',
    fix: 'rr checkpoints list shows the actors of this state folder',
    retry: 'never',
  },
  VERSION_UNKNOWN: {
    message: 'the version {version} of {address} is not kept, there are {wanted}',
    fix: 'rr checkpoints history {address} says what each of them is',
    retry: 'never',
  },
  SERVICE_UNKNOWN: {
    message: 'the repository has no service {met}, it has {wanted}',
    fix: 'choose one with --service NAME',
    retry: 'never',
  },

  WORKFLOW_UNKNOWN: {
    message: 'no workflow is called {workflow}',
    fix: 'rr workflows list shows those there are',
    retry: 'never',
  },
  WORKFLOW_INVALID: {
    message: 'the workflow {workflow} cannot be used: {faults}',
    fix: 'change its definition; rr workflows check FILE says whether it is whole',
    retry: 'never',
  },
  RUN_NOT_WAITING: {
    message: 'the run {run} is {state} and cannot {what}',
    fix: 'look at what it waits for: runs.get says so in waitsFor',
    retry: 'never',
  },

  // The repository, or what it needs.
  REPOSITORY_EMPTY: {
    message: '{path} holds no file',
    fix: 'check that the clone or the download is whole',
    retry: 'never',
  },
  GIT_FAILED: { message: 'git could not fetch {url}: {reason}', fix: '{fix}', retry: 'later' },
  ARCHIVE_UNSAFE: {
    message: 'the archive {path} has an entry outside itself: {entry}',
    fix: 'do not trust this archive; unpack it by hand if you must',
    retry: 'never',
  },
  ARCHIVE_BROKEN: {
    message: 'the archive {path} cannot be unpacked: {reason}',
    fix: 'download it again, or unpack it by hand and give the folder',
    retry: 'never',
  },
  ARCHIVE_LARGE: {
    message: 'the archive {path} holds {met}, wanted at most {wanted}',
    fix: 'unpack it by hand, if you trust it, and give the folder',
    retry: 'never',
  },
  COMPOSE_INVALID: {
    message: 'the services of {from} cannot be brought up: {reason}',
    fix: 'take one of these depends_on out',
    retry: 'never',
  },
  APP_UNWELL: {
    message: '{service} is up and does not answer well any more: {reason}',
    fix: 'rr status shows since when, rr logs what it said',
    retry: 'later',
  },
  REPAIRS_SPENT: {
    message: '{service} was repaired {times} times and failed again: {reason}',
    fix: 'fixes.json in the folder of the run says what was tried; mend the cause, then run again',
    retry: 'never',
  },
  PARTLY_UP: { message: '{met}, wanted all; not up: {missing}', fix: '{fix}', retry: 'never' },
  NOT_RUNNABLE: { message: 'nothing here can be run: {reason}', fix: '{fix}', retry: 'never' },
  TOOL_MISSING: {
    message: '{tool} {wanted} is needed ({from}) and this machine has {met}',
    fix: '{fix}',
    retry: 'never',
  },
  SERVICE_MISSING: {
    message: 'the application needs {need} ({from}) and none was given',
    fix: '{fix}',
    retry: 'never',
  },
  SERVICE_NOT_STARTED: {
    message: 'the private {service} of this run does not start: {reason}',
    fix: 'rr logs has its whole output; --fresh begins with empty data and removes what was kept; --env gives the application a server of your own',
    retry: 'never',
  },
  SERVICE_LOST: {
    message: 'the private {service} of this run ended {times} times within a minute and is begun no more: {reason}',
    fix: 'rr logs has its whole output; rr stop, then rr run goes on with its data, and rr run --fresh without it',
    retry: 'never',
  },
  MIGRATION_FAILED: {
    message: '{what} failed on the private {service} of this run: {reason}',
    fix: 'rr logs has its whole output; the database is kept as it is for a look (rr db shell {run}); mend it, then run again with --fresh',
    retry: 'never',
  },
  HOST_UNREACHABLE: {
    message: '{host} cannot be reached from here ({reason}), wanted to fetch packages from it',
    fix: 'check the network and the proxy (HTTPS_PROXY), or name a mirror in the settings of the package manager (npm config set registry …, PIP_INDEX_URL)',
    retry: 'never',
  },
  SANDBOX_UNAVAILABLE: {
    message: 'a sandbox is wanted and there is none that works here: {reason}',
    fix: 'install bubblewrap (Debian: apt-get install bubblewrap) and let its namespaces be made (in a container: allow user namespaces), or run with --sandbox auto',
    retry: 'never',
  },
  ENGINE_UNAVAILABLE: {
    message: 'a container is wanted and no engine answers here: {reason}',
    fix: '{fix}; or run without --isolation container',
    retry: 'never',
  },
  ENGINE_FAILED: {
    message: 'the container engine could not carry `{command}` out: {reason}',
    fix: '{fix}',
    retry: 'later',
  },
  EXPORT_BROKEN: {
    message: 'what run {run} exports as {format} does not hold: {reason}',
    fix: '{fix}',
    retry: 'never',
  },
  IMAGE_UNAVAILABLE: {
    message: 'the image {image} is not here and {engine} could not fetch it: {reason}',
    fix: 'fetch it yourself ({engine} pull {image}) to see why, or {otherwise}',
    retry: 'later',
  },
  HOST_REFUSED: {
    message: '`{command}` failed, and had wanted to reach {host}, which a strict sandbox does not allow',
    fix: 'allow it if you trust it: --allow-host {host}; or run with --sandbox auto',
    retry: 'never',
  },
  COMMAND_FAILED: { message: '`{command}` ended with {met}: {last}', fix: '{fix}', retry: 'never' },
  COMMAND_LIMIT: { message: '`{command}` was stopped at its {limit} limit ({wanted})', fix: '{fix}', retry: 'never' },
  PORT_HELD: {
    message: 'port {port} is held by {holder}, wanted free',
    fix: 'stop {holder}, then run again',
    retry: 'never',
  },
  NOT_PROVEN: { message: '{met}, wanted {wanted}', fix: '{fix}', retry: 'never' },
  TESTS_FAILED: {
    message: '{met}, wanted a suite that passes',
    fix: 'rr logs RUN shows their output; mend what fails, run again',
    retry: 'never',
  },
  TESTS_NONE: {
    message: '{ended} and ran none of its {total} tests, wanted one at least',
    fix: 'run the command by hand to see which tests it looks for',
    retry: 'never',
  },
  TESTS_UNREAD: {
    message: '{ended} and printed no counts of tests that are known: {last}',
    fix: 'rr logs RUN shows its output; have the command print a summary, TAP or JUnit XML',
    retry: 'never',
  },
  INTERRUPTED: {
    message: 'interrupted before the run was proven',
    fix: 'run again; what was set up is kept',
    retry: 'later',
  },

  // Workflows.
  WORKFLOW_CHANGED: {
    message: 'the workflow {workflow} has changed since the run began: {differs}',
    fix: 'put the former definition back and resume, or run anew',
    retry: 'never',
  },
  STEP_INVALID: {
    message: 'the step {step} cannot begin: {reason}',
    fix: 'change the definition of the workflow, or what it is given',
    retry: 'never',
  },
  STEP_LATE: {
    message: 'the step {step} did not end within {after}',
    fix: 'see what it waits for, or raise its timeoutMs',
    retry: 'later',
  },
  APPROVAL_MISSING: {
    message: 'nobody decided {step} within {after}, wanted a decision',
    fix: 'run again, and decide in time: rr approve {run}',
    retry: 'never',
  },
  APPROVAL_REFUSED: {
    message: '{by} decided {option} at {step}: {reason}',
    fix: 'settle what was refused, then run again',
    retry: 'never',
  },
  RUN_STRANDED: {
    message: 'the run {run} is open and nothing would ever wake it; not begun: {steps}',
    fix: 'this is our fault: report it with the bundle of the run',
    retry: 'never',
  },

  // The bus and the actors.
  MESSAGE_INVALID: {
    message: 'the message does not parse: {reason}',
    fix: 'compare it with its schema: docs/bus.md, or rr admin kinds KIND for what an actor hears',
    retry: 'never',
  },
  MESSAGE_NOT_JSON: {
    message: 'the message is no JSON: {reason}',
    fix: 'send one JSON object in UTF-8, as docs/bus.md says',
    retry: 'never',
  },
  MESSAGE_VERSION: {
    message: 'the message has version {met}, this program knows {wanted}',
    fix: 'send version {wanted}, or use the rr that speaks the other one',
    retry: 'never',
  },
  MESSAGE_LARGE: {
    message: 'the message has {met} bytes, wanted at most {wanted}',
    fix: 'put what is large into a file, and name the file',
    retry: 'never',
  },
  MESSAGE_AHEAD: {
    message:
      'the message {id} was sent {met} s from now, by the clock of its sender; at most {wanted} s are borne with',
    fix: 'set the clocks of both machines by one source (NTP), then send it again',
    retry: 'later',
  },
  REPLY_FORGED: {
    message: 'a message on {subject} wants its answer on {met}, which is no inbox',
    fix: 'ask with a reply subject below _INBOX., as every NATS client does by itself',
    retry: 'never',
  },
  NOT_NOW: {
    message: '{address} does not take {type} in state {state}',
    fix: 'wait for its next fact, or look at it: rr checkpoints show {address}',
    retry: 'later',
  },
  BUSY: {
    message: '{address} takes nothing more at present: {met}',
    fix: 'send again later',
    retry: 'later',
  },
  NO_ACTOR: { message: 'nobody answers at {address}', fix: 'rr admin tree shows who is alive', retry: 'later' },
  ASK_TIMEOUT: {
    message: '{address} did not end {type} before its deadline',
    fix: 'rr logs shows what it was doing',
    retry: 'later',
  },
  EFFECT_FAILED: { message: 'the effect {effect} of {address} failed: {reason}', fix: '{fix}', retry: 'later' },
  DECIDE_THREW: {
    message: '{address} could not decide on {type}: {reason}',
    fix: 'see the message, mend it and send it again: rr quarantine list',
    retry: 'never',
  },
  QUARANTINED: {
    message: 'the message {id} ended its process {times} times and is kept aside',
    fix: 'see it, mend it and send it again: rr quarantine list',
    retry: 'never',
  },
  QUARANTINE_UNKNOWN: {
    message: 'nothing called {id} is in quarantine',
    fix: 'rr quarantine list shows what is',
    retry: 'never',
  },
  QUARANTINE_BROKEN: {
    message: 'the message kept in {path} does not parse: {reason}',
    fix: 'put the file right by hand, or drop it: rr quarantine drop {id}',
    retry: 'never',
  },
  MACHINE_REFUSED: { message: 'the machine {kind} uses {met}', fix: '{fix}', retry: 'never' },
  HOP_LIMIT: {
    message: 'the message {id} was forwarded {met} times, at most {wanted}',
    fix: 'look for two actors that hand it to each other',
    retry: 'never',
  },
  ACTOR_DOWN: {
    message: '{address} was given up and waits for a decision: {reason}',
    fix: 'rr decisions shows what is asked, rr decide answers it',
    retry: 'later',
  },
  ACTOR_STOPPED: {
    message: 'a person stopped {address} after it had been given up: {reason}',
    fix: 'the reason is in the message; when it is mended, submit the job again',
    retry: 'never',
  },
  DECISION_OVER: {
    message: 'the decision {decision} is not open: {met}',
    fix: 'rr decisions lists those that are',
    retry: 'never',
  },
  ACTOR_DIED: { message: '{address} died {met} times within {within}: {reason}', fix: '{fix}', retry: 'later' },

  DRAINING: {
    message: 'host {host} takes no new jobs: it is being brought down',
    fix: 'rr up lets it take jobs again; else wait until rr down has ended, and rr up starts another',
    retry: 'later',
  },

  // State on disk.
  MANIFEST_INVALID: {
    message: 'the manifest {path} cannot be used: {reason}',
    fix: 'change it as the message says, then enlist it again',
    retry: 'never',
  },
  KIND_QUARANTINED: {
    message: 'the kind {kind} is held back: {problems}',
    fix: 'mend the agent or its manifest, then enlist it again',
    retry: 'never',
  },
  AGENT_FAILED: {
    message: 'the agent {kind} failed: {reason}',
    fix: 'mend the module its manifest names, or widen its tools or limits',
    retry: 'never',
  },
  CHECKPOINT_BROKEN: {
    message: 'the checkpoint {path} does not parse: {reason}',
    fix: '{fix}',
    retry: 'never',
  },
  CHECKPOINT_VERSION: {
    message: 'the checkpoint of {address} has version {met}, this program knows {wanted}',
    fix: 'use the version of rr that wrote it, or remove the run',
    retry: 'never',
  },
  CHECKPOINT_FORMAT: {
    message: '{path} has the format {met}, this program knows {wanted}',
    fix: 'use the version of rr that wrote it, or put an older version back: {fix}',
    retry: 'never',
  },
  CHECKPOINT_FOREIGN: {
    message: 'the checkpoint {path} is of {met}, wanted one of {wanted}',
    fix: 'put that file back to where it belongs, then: {fix}',
    retry: 'never',
  },
  CHECKPOINT_ILLEGAL: {
    message: 'from its checkpoint {address} cannot go on: {reason}',
    fix: 'choose a version with rr checkpoints history {address}, then rr checkpoints restore {address} VERSION',
    retry: 'never',
  },
  JOURNAL_DAMAGED: {
    message: 'the journal {path} ends at byte {offset}: {reason}, {bytes} bytes were cut off',
    fix: 'after a loss of power this is what was under way; else look at the disk, and at rr checkpoints verify',
    retry: 'never',
  },
  EXPORT_REFUSED: { message: 'the export {file} is not taken: {reason}', fix: '{fix}', retry: 'never' },
  ANSWER_LARGE: {
    message: 'the answer has {met} bytes, a message takes {wanted}',
    fix: '{fix}',
    retry: 'never',
  },
  STATE_UNWRITABLE: {
    message: 'the state folder {path} cannot be written ({reason})',
    fix: 'make it writable, free some space, or choose another: --state DIR',
    retry: 'later',
  },
  HOST_TAKEN: {
    message: 'host {id} is already alive (pid {pid})',
    fix: 'use that one, or give this one another name: --host ID',
    retry: 'never',
  },
  KEEPER_LOST: { message: 'the keeper of {run} died; its applications were swept', fix: 'run again', retry: 'later' },
  KEEPER_UNREACHABLE: {
    message: 'the keeper of {run} (pid {pid}) does not answer: {reason}',
    fix: 'end that process, then run again',
    retry: 'later',
  },
  KEEPER_REFUSED: {
    message: 'the keeper of {run} refused: {reason}',
    fix: 'look at keeper.log in the folder of the run',
    retry: 'never',
  },
  COMMAND_UNKNOWN: {
    message: 'the keeper of {run}: {reason}',
    fix: 'start it first; rr logs shows what the run did',
    retry: 'never',
  },

  // The broker.
  BROKER_ABSENT: {
    message: 'no nats-server was found ({looked}) and none could be fetched ({reason})',
    fix: 'install it (Debian: apt-get install nats-server; macOS: brew install nats-server), or set NATS_URL',
    retry: 'never',
  },
  BROKER_UNREACHABLE: {
    message: 'no broker answers at {url}: {reason}',
    fix: 'start it, or unset NATS_URL to get a private one',
    retry: 'later',
  },
  BROKER_FAILED: { message: 'nats-server did not come up: {reason}', fix: 'read {log}', retry: 'later' },
  RUNTIME_UNREACHABLE: { message: 'no runtime answers on {url}', fix: 'start one: rr up', retry: 'later' },
  RUNTIME_FAILED: { message: 'the runtime did not come up: {reason}', fix: 'read {log}', retry: 'later' },

  INTERNAL: { message: '{reason}', fix: 'this is our fault: report it with the bundle of the run', retry: 'never' },
} as const satisfies Record<string, { message: string; fix: string; retry: 'never' | 'later' }>;

export type ErrorCode = keyof typeof errors;
/** An error as it crosses the bus and rests in checkpoints: a plain record. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  fix: string;
}

export class RunnerError extends Error {
  readonly code: ErrorCode;
  readonly fix: string;
  readonly retry: 'never' | 'later';
  constructor(code: ErrorCode, details: Record<string, unknown> = {}, cause?: unknown) {
    const row = errors[code];
    super(fill(row.message, details), cause === undefined ? undefined : { cause });
    this.name = 'RunnerError';
    this.code = code;
    this.fix = fill(row.fix, details);
    this.retry = row.retry;
  }
  toRecord(): ErrorRecord {
    return { code: this.code, message: this.message, fix: this.fix };
  }
}

const fill = (text: string, details: Record<string, unknown>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in details ? String(details[name]) : whole));

/** Makes the error of a code; `details` fill the table's `{names}`. */
export const fail = (code: ErrorCode, details: Record<string, unknown> = {}, cause?: unknown): RunnerError =>
  new RunnerError(code, details, cause);

/** Any thrown value as a record; what is not ours becomes INTERNAL with its own text. */
export const toRecord = (error: unknown): ErrorRecord =>
  error instanceof RunnerError
    ? error.toRecord()
    : fail('INTERNAL', { reason: error instanceof Error ? error.message : String(error) }).toRecord();
