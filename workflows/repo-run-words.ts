/** What `repo-run` tells people about its steps, and when it cannot go on. Pure. */
import type { Started } from '../agents/database/contract.js';
import { meaningOf } from '../agents/database/wants.js';
import type { Tool } from '../agents/dependency/contract.js';
import type { Plan, Service } from '../agents/detection/contract.js';
import type { Tests } from '../agents/tester/contract.js';
import { type ErrorRecord, fail } from '../runtime/errors.js';
import type { Scope } from '../runtime/workflow.js';
import { serviceOf } from './repo-run-scope.js';

const list = (items: string[]): string =>
  items.length < 2 ? (items[0] ?? 'nothing') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** Whether what a step gave lets the run go on. Pure. */
export function judge(step: string, scoped: Scope): ErrorRecord | null {
  if (step === 'test') return verdictOf((scoped.test as { tests: Tests }).tests);
  if (step !== 'needs') return null;
  const plan = (scoped.needs as { plan: Plan }).plan;
  const service = serviceOf(plan);
  const reason = (words: string, fix: string): ErrorRecord => fail('NOT_RUNNABLE', { reason: words, fix }).toRecord();
  if (!service)
    return reason(
      `no known kind of application was found (${plan.notes[0] ?? 'no manifest, no entry file'})`,
      'rr plan shows what was looked at; a start.sh or a Procfile in the repository would say how it starts',
    );
  if (scoped.startCommand) return null;
  const what =
    { library: 'a library', cli: 'a command-line tool', notebook: 'a notebook', compose: 'a compose project' }[
      service.kind as string
    ] ?? `of kind ${service.kind}`;
  return reason(
    `${service.name} is ${what} and nothing in it can be started or tested`,
    'add a test script, an example that serves, or a start command (Procfile)',
  );
}

const servicesWords = ({ services, theirs, lacking }: Omit<Started, 'type'>): string =>
  [
    ...services.map(
      ({ program, from, port, kept, note }) =>
        `${program} (${from}) on port ${port}${note ? `, ${note}` : ''}${kept ? ', with the data of the last run' : ''}`,
    ),
    ...theirs.map(({ kind, by }) => `${kind} is yours (${by})`),
    ...lacking.map(({ kind, reason, fix }) => `needs ${kind} (${reason}): ${fix}`),
  ].join('; ') || 'nothing started';
/** The same where the tests are the goal: nothing has to start. Pure. */
export function judgeTests(step: string, scoped: Scope): ErrorRecord | null {
  if (step !== 'needs') return judge(step, scoped);
  const { plan } = scoped.needs as { plan: Plan };
  const service = serviceOf(plan);
  if (service?.tests) return null;
  return fail('NOT_RUNNABLE', {
    reason: service
      ? `no tests of ${service.name} were found`
      : `no known kind of application was found (${plan.notes[0] ?? 'no manifest, no entry file'})`,
    fix: 'add a test script or a Makefile target `test`; --service NAME chooses another service (rr plan lists them)',
  }).toRecord();
}
/** Whether a suite ran, and none of its tests failed. Pure. */
function verdictOf({ command, total, passed, failed, skipped, exitCode, excerpt }: Tests): ErrorRecord | null {
  const ended = `\`${command}\` ended with exit code ${exitCode}`;
  if (total === null || failed === null) {
    const last = excerpt.split('\n').at(-1)?.slice(0, 200) || 'it printed nothing';
    return fail('TESTS_UNREAD', { ended, last }).toRecord();
  }
  if (failed > 0) return fail('TESTS_FAILED', { met: `${failed} of ${total} tests failed` }).toRecord();
  if (total === skipped) return fail('TESTS_NONE', { ended, total }).toRecord();
  return exitCode === 0
    ? null
    : fail('TESTS_FAILED', { met: `${passed} tests passed and none failed, but ${ended}` }).toRecord();
}

/** What a step did, in a few words for people. Pure. */
export function describe(step: string, s: Scope): string {
  const get = <T>(name: string): T => s[name] as T;
  switch (step) {
    case 'fetch': {
      const { kind, commit, dirty } = get<{ kind: string; commit: string | null; dirty: boolean | null }>('fetch');
      return [
        { local: 'a local folder', clone: 'cloned', archive: 'unpacked' }[kind] ?? kind,
        commit && `at ${commit.slice(0, 7)}`,
        dirty && 'with uncommitted changes',
      ]
        .filter(Boolean)
        .join(', ');
    }
    case 'environment': {
      const { environment: e } = get<{
        environment: { os: string; arch: string; cores: number; memoryBytes: number; surroundings: { name: string }[] };
      }>('environment');
      return `${e.os} ${e.arch}, ${e.cores} cores, ${Math.round(e.memoryBytes / 2 ** 30)} GB${e.surroundings.length > 0 ? `, ${list(e.surroundings.map(({ name }) => name))}` : ''}`;
    }
    case 'stack': {
      const { services, chosen } = get<{ services: Service[]; chosen: string[] }>('stack');
      const one = services.find(({ name }) => name === chosen[0]);
      if (!one) return 'nothing known';
      const others =
        services.length > 1 ? `, one of ${services.length} services (--all runs all, --service NAME another)` : '';
      return `${one.name}: ${[one.language, one.framework, one.kind].filter(Boolean).join(', ')}${others} (${one.evidence[0]?.file ?? one.path})`;
    }
    case 'needs': {
      const service = serviceOf(get<{ plan: Plan }>('needs').plan);
      if (!service) return 'nothing to run';
      const versions = Object.entries(service.versions).map(([tool, { want }]) => `${tool} ${want}`);
      const parts = [...versions, service.packageManager ?? '', ...service.needs].filter(Boolean);
      return parts.length > 0 ? list(parts) : 'nothing special';
    }
    case 'workspace':
      return [get<{ reason: string }>('workspace').reason, get<{ sandbox?: string }>('workspace').sandbox]
        .filter(Boolean)
        .join('; ');
    case 'toolchain':
      return list(
        get<{ tools: Tool[] }>('toolchain').tools.map(
          ({ tool, version, origin, degraded }) => `${tool} ${version} (${degraded ?? origin})`,
        ),
      );
    case 'propose': {
      const { patches } = get<{ patches: { files: string[] }[] }>('propose');
      const files = [...new Set(patches.flatMap((patch) => patch.files))];
      return files.length === 0 ? 'nothing to change in the repository' : `a patch for ${list(files)}`;
    }
    case 'config': {
      const { set, missing: all } = get<{ set: { origin: string }[]; missing: { name: string }[] }>('config');
      // The address of a service is found once it is up.
      const kinds = (get<{ kind: string }[] | undefined>('serviceKinds') ?? []).map(({ kind }) => kind);
      const missing = all.filter(({ name }) => meaningOf({ name, value: null }, kinds) === null);
      return (
        [
          set.length > 0 && `${set.length} variable${set.length === 1 ? '' : 's'} set`,
          missing.length > 0 && `not given: ${list(missing.map(({ name }) => name))}`,
        ]
          .filter(Boolean)
          .join(', ') || 'no variables needed'
      );
    }
    case 'ports':
      return `${list(get<{ items: { port: number }[] }>('ports').items.map(({ port }) => String(port)))}`;
    case 'migrate': {
      const { done, notes } = get<{ done: { what: string }[]; notes: string[] }>('migrate');
      return [done.length > 0 ? list(done.map(({ what }) => what)) : 'nothing to do', ...notes].join('; ');
    }
    case 'services':
      return servicesWords(get<Omit<Started, 'type'>>('services'));
    case 'deps':
    case 'build': {
      const { commands, notes = [] } = get<{ commands: { command: string }[]; notes?: string[] }>(step);
      return [list(commands.map(({ command }) => command)), ...notes].join('; ');
    }
    case 'port':
      return `port ${get<{ port: number }>('port').port}`;
    case 'start': {
      const { command, sockets, exitCode, inner } = get<{
        command: string;
        sockets: { host: string; port: number }[];
        exitCode: number | null;
        inner?: number | null;
      }>('start');
      const where = inner ? ` (${inner} in a network of its own)` : '';
      return `${command}${sockets.length > 0 ? `, listens on ${list([...new Set(sockets.map(({ port }) => String(port)))])}${where}` : exitCode === null ? ', is up' : `, ended with ${exitCode}`}`;
    }
    case 'prove': {
      const { proof } = get<{
        proof: { status: number | null; url: string | null; title: string | null; excerpt: string };
      }>('prove');
      return proof.url
        ? `${proof.url} answers ${proof.status}${proof.title ? ` “${proof.title}”` : ''}`
        : proof.excerpt.slice(0, 80) || 'ended as it should';
    }
    case 'test': {
      const { framework, passed, failed, skipped } = get<{ tests: Tests }>('test').tests;
      const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`];
      return `${counts.filter(Boolean).join(', ')} (${framework})`;
    }
    default:
      return '';
  }
}
