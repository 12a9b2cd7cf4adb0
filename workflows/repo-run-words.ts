/** What `repo-run` tells people about its steps, and when it cannot go on. Pure. */
import type { Tool } from '../agents/dependency/contract.js';
import type { Plan, Service } from '../agents/detection/contract.js';
import { type ErrorRecord, fail } from '../runtime/errors.js';
import type { Scope } from '../runtime/workflow.js';
import { serviceOf } from './repo-run-scope.js';

const list = (items: string[]): string =>
  items.length < 2 ? (items[0] ?? 'nothing') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** Whether what a step gave lets the run go on. Pure. */
export function judge(step: string, scoped: Scope): ErrorRecord | null {
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
      const others = services.length > 1 ? `, one of ${services.length} services` : '';
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
      return get<{ reason: string }>('workspace').reason;
    case 'toolchain':
      return list(
        get<{ tools: Tool[] }>('toolchain').tools.map(
          ({ tool, version, origin, degraded }) => `${tool} ${version} (${degraded ?? origin})`,
        ),
      );
    case 'config': {
      const { set, missing } = get<{ set: { origin: string }[]; missing: { name: string }[] }>('config');
      return (
        [
          set.length > 0 && `${set.length} variable${set.length === 1 ? '' : 's'} set`,
          missing.length > 0 && `not given: ${list(missing.map(({ name }) => name))}`,
        ]
          .filter(Boolean)
          .join(', ') || 'no variables needed'
      );
    }
    case 'deps':
    case 'build': {
      const { commands, notes = [] } = get<{ commands: { command: string }[]; notes?: string[] }>(step);
      return [list(commands.map(({ command }) => command)), ...notes].join('; ');
    }
    case 'port':
      return `port ${get<{ port: number }>('port').port}`;
    case 'start': {
      const { command, sockets, exitCode } = get<{
        command: string;
        sockets: { host: string; port: number }[];
        exitCode: number | null;
      }>('start');
      return `${command}${sockets.length > 0 ? `, listens on ${list(sockets.map(({ port }) => String(port)))}` : exitCode === null ? ', is up' : `, ended with ${exitCode}`}`;
    }
    case 'prove': {
      const { proof } = get<{
        proof: { status: number | null; url: string | null; title: string | null; excerpt: string };
      }>('prove');
      return proof.url
        ? `${proof.url} answers ${proof.status}${proof.title ? ` “${proof.title}”` : ''}`
        : proof.excerpt.slice(0, 80) || 'ended as it should';
    }
    default:
      return '';
  }
}
