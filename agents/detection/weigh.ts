/**
 * What the files beside the manifests say (hints), weighed against what the detectors found.
 *
 * A start command of a Procfile, a Dockerfile or a compose file says what its author really runs and wins over a
 * package script, provided that it can run in a plain checkout and is not for development. What loses stays as evidence.
 */
import { posix } from 'node:path';
import type { Evidence, Hint, Service } from './contract.js';
import { readCode } from './languages/node/code.js';
import { nodeParts } from './languages/node.js';
import { bringOutside, familyOf } from './outside.js';
import { makeService, type Place } from './place.js';

type Of<A extends Hint['about']> = Extract<Hint, { about: A }>;

/** How binding a detector's own start command is, on the scale of the hints: below compose (0.75), above a Makefile (0.3). */
const OWN_WEIGHT = 0.65;
const EVIDENCE_WEIGHT = 0.2;

/** The same service with the commands of its place's hints worked in. (The requirements agent weighs all other hints.) */
export function weighHints(service: Service, place: Place, hints: readonly Hint[]): Service {
  const commands = hints
    .filter((hint): hint is Of<'command'> => hint.about === 'command')
    .sort((a, b) => b.weight - a.weight);
  const evidence = [...service.evidence];
  const { start, kind, by, confidence, process } = chooseStart(service, place, commands, evidence);
  const build = takeStep(service, place, commands, 'build', evidence);
  const install = takeStep(service, place, commands, 'install', evidence);
  const turned = kind !== service.kind;
  return {
    ...service,
    kind,
    ...(process === undefined ? {} : { process }),
    commands: { install, build, start },
    ports: start === service.commands.start ? service.ports : portsBy(service, place, hints, by, start ?? ''),
    proof: turned ? { ...service.proof, how: kind === 'worker' ? 'log' : 'http', command: null } : service.proof,
    confidence: Math.min(1, Math.round(confidence * 100) / 100),
    evidence,
  };
}

function chooseStart(service: Service, place: Place, commands: readonly Of<'command'>[], evidence: Evidence[]) {
  const own = {
    start: service.commands.start,
    kind: service.kind,
    by: null as string | null,
    confidence: service.confidence,
    process: undefined as string | undefined,
  };
  let chosen = own;
  for (const hint of commands) {
    const isWorker = hint.role === 'worker' && /^(?:library|cli|job|unknown)$/.test(own.kind);
    if ((hint.role !== 'start' && !isWorker) || hint.weight < EVIDENCE_WEIGHT) continue;
    const { command, why, develops } = bringOutside(hint.command, place, service);
    const said = `started with \`${hint.command.slice(0, 160)}\``;
    if (command === null) {
      evidence.push(toEvidence(`${said}, not usable here: ${why}`, hint.from));
      continue;
    }
    if (own.start !== null && isSame(command, own.start)) {
      evidence.push(toEvidence(said, hint.from));
      if (chosen === own)
        chosen = {
          ...own,
          ...{ by: hint.from, process: hint.process },
          confidence: Math.max(own.confidence, Math.min(0.95, own.confidence + 0.05)),
        };
      continue;
    }
    const wins =
      chosen.by === null &&
      (own.start === null ? hint.weight >= 0.3 : hint.weight > OWN_WEIGHT && !develops) &&
      // A library or a program is not turned into a service by a task or a README.
      (hint.weight > OWN_WEIGHT || !/^(?:library|cli)$/.test(own.kind));
    evidence.push(
      toEvidence(
        wins ? (why === null ? said : `${said}, here as \`${command}\``) : develops ? `${said}, for development` : said,
        hint.from,
      ),
    );
    if (!wins) continue;
    const kind = isWorker
      ? 'worker'
      : /^(?:library|cli|job|unknown|worker|static-site)$/.test(own.kind) &&
          (hint.weight >= 0.85 || /\bPORT\b/.test(command) || own.kind === 'static-site')
        ? 'web-service'
        : own.kind;
    chosen = {
      ...{ start: command, kind, by: hint.from, process: hint.process },
      confidence: Math.max(own.confidence, Math.min(0.9, hint.weight)),
    };
  }
  return chosen;
}

/** An install or build step from outside fills a gap; it never replaces what the lock file asks for. */
function takeStep(
  service: Service,
  place: Place,
  commands: readonly Of<'command'>[],
  role: 'build' | 'install',
  evidence: Evidence[],
): string[] {
  const own = service.commands[role];
  const hint = commands.find((one) => one.role === role && one.weight >= 0.6);
  if (own.length > 0 || hint === undefined || /^(?:library|cli)$/.test(service.kind)) return own;
  const { command } = bringOutside(hint.command, place, service);
  if (command === null || (role === 'install' && service.packageManager !== null)) return own;
  // Platforms often put the install in front of the build.
  const steps = command
    .split(/\s*&&\s*/)
    .filter(
      (step) =>
        role === 'install' ||
        !/^(?:npm (?:ci|i|install)|pnpm (?:i|install)|yarn(?: install)?|bun install|pip3? install|bundle install)\b/.test(
          step,
        ),
    );
  if (steps.length === 0) return own;
  evidence.push(toEvidence(`${role}: \`${hint.command.slice(0, 160)}\``, hint.from));
  return [steps.join(' && ')];
}

/** Where a file gave the start command, the ports it names come first. */
function portsBy(
  service: Service,
  place: Place,
  hints: readonly Hint[],
  by: string | null,
  start: string,
): Service['ports'] {
  const file = fileOf(by ?? '');
  const near = hints.flatMap((hint) =>
    hint.about === 'port' && fileOf(hint.from) === file ? [{ number: hint.number, from: hint.from }] : [],
  );
  // What the code of the other entry names says nothing about this one.
  const entry = /(?:^|\s)(?:\.\/)?([\w./-]+\.[cm]?[jt]s)(?:\s|$)/.exec(start)?.[1];
  const own = entry === undefined || !place.has(entry) ? service.ports : readCode(place, [entry]).ports;
  const all = [...near, ...own];
  return all.filter(({ number }, index) => all.findIndex((other) => other.number === number) === index);
}
const fileOf = (from: string): string => from.replace(/:\d+$/, '');

/** A service of a place that no detector knows: only somebody's start command says what runs there. */
export function serviceFromHints(place: Place, hints: readonly Hint[]): Service | null {
  const commands = hints
    .filter((hint): hint is Of<'command'> => hint.about === 'command')
    .sort((a, b) => b.weight - a.weight);
  for (const hint of commands) {
    if ((hint.role !== 'start' && hint.role !== 'worker') || hint.weight < 0.3) continue;
    const { command, why } = bringOutside(hint.command, place, null);
    if (command === null) {
      place.notes.push(`${hint.from}: \`${hint.command.slice(0, 160)}\` cannot run outside its image: ${why}`);
      continue;
    }
    return makeService(place, {
      kind: hint.role === 'worker' ? 'worker' : hint.weight >= 0.7 ? 'web-service' : 'unknown',
      language: familyOf(command) ?? 'shell',
      ...partsFor(place, command),
      proof: { how: hint.role === 'worker' ? 'log' : 'http', command: null, paths: [] },
      confidence: Math.round(hint.weight * 60) / 100,
      evidence: [toEvidence(`started with \`${hint.command.slice(0, 160)}\``, hint.from)],
    });
  }
  return null;
}

/** What else its language needs: a package.json that starts nothing by itself says what is installed all the same. */
function partsFor(place: Place, start: string): Pick<Service, 'commands'> & Partial<Service> {
  const parts = familyOf(start) === 'node' && place.has('package.json') ? nodeParts(place) : null;
  return { ...parts, commands: { install: [], build: [], ...parts?.commands, start } };
}

const inProcfile = /(?:^|\/)Procfile/;

/** The other long-lived processes that a Procfile or a platform file starts beside the service. */
export function listWorkers(service: Service, place: Place, hints: readonly Hint[]): Service[] {
  if (service.kind !== 'web-service') return [];
  const seen = new Set<string>([service.commands.start ?? '']);
  const named = new Set<string>();
  return hints.flatMap((hint): Service[] => {
    if (hint.about !== 'command' || hint.weight < 0.6) return [];
    const isOther = hint.process !== undefined && hint.process !== service.process && !named.has(hint.process);
    // A second one that answers is listed where its file gives it a name beside others.
    if (hint.role !== 'worker' && !(hint.role === 'start' && isOther && !inProcfile.test(hint.from))) return [];
    const { command, develops } = bringOutside(hint.command, place, service);
    if (command === null || seen.has(command) || (hint.role === 'start' && develops)) return [];
    seen.add(command);
    if (hint.process !== undefined) named.add(hint.process);
    if (hint.role === 'start')
      return [
        {
          ...service,
          ...{ name: `${service.name}-${hint.process}`, process: hint.process!, ports: [], confidence: 0.5 },
          commands: { ...service.commands, start: command },
          evidence: [toEvidence(`${hint.process}: \`${hint.command.slice(0, 160)}\``, hint.from)],
        },
      ];
    const { process: _, ...rest } = service;
    const unnamed = `worker${seen.size > 2 ? `-${seen.size - 1}` : ''}`;
    return [
      {
        ...rest,
        name: `${service.name}-${hint.process ?? unnamed}`,
        ...(hint.process === undefined ? {} : { process: hint.process }),
        kind: 'worker' as const,
        commands: { ...service.commands, start: command },
        ports: [],
        proof: { how: 'log' as const, command: null, paths: [] },
        confidence: Math.min(0.8, hint.weight),
        evidence: [toEvidence(`a worker: \`${hint.command.slice(0, 160)}\``, hint.from)],
      },
    ];
  });
}

export const toEvidence = (claim: string, from: string): Evidence => {
  const match = /^(.*):(\d+)$/s.exec(from);
  return match === null ? { claim, file: from, line: null } : { claim, file: match[1]!, line: Number(match[2]) };
};

const isSame = (a: string, b: string): boolean => tidy(a) === tidy(b);
const tidy = (command: string): string =>
  command
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^npm run start$/, 'npm start')
    .replace(/^(node|python3?) \.\//, '$1 ')
    .replace(/^(pnpm|yarn) (?:run )?start$/, '$1 start');

/** The hints that speak about a path, by the place they name. */
export const hintsOf = (hints: readonly Hint[], path: string): Hint[] =>
  hints.filter((hint) => posix.normalize(hint.path).replace(/\/$/, '') === path);
