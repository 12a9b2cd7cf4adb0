/**
 * Dockerfile: what the last stage exposes, sets, starts and is checked by, and the runtimes of all stages.
 *
 * Its paths are those of the image. A start command is given relative to WORKDIR where that is the copied repository;
 * one that starts what only an image holds (`/server`) keeps a low weight, since nothing outside the image has it.
 */
import { posix } from 'node:path';
import type { Hint } from '../contract.js';
import { joinArgv, portIn, roleOf } from './commands.js';
import { type Instruction, readExecForm, readPairs, splitInstructions, substitute } from './dockerfile-text.js';
import { runtimeOf, splitImage } from './images.js';
import { findLocalUrls } from './local-urls.js';
import { type Source, type SourceFile, sayCommand, sayEnv, sayHealth, sayPort, sayVersion } from './source.js';

interface Stage {
  name: string | null;
  image: string;
  /** Of the FROM that names the image, and of the stage's own. */
  imageLine: number;
  line: number;
  workdir: string;
  /** Where in the image the build context was copied to. */
  copied: string | null;
  env: Map<string, { value: string; line: number }>;
  ports: { number: number; line: number }[];
  command: Instruction | null;
  entrypoint: Instruction | null;
  health: Instruction | null;
  runs: Instruction[];
}

/** About the image or its build, not the application. */
const ofImage =
  /^(?:PATH|HOME|USER|SHELL|TERM|TZ|LANG|LANGUAGE|LC_\w+|DEBIAN_FRONTEND|PIP_\w+|PYTHON\w+|POETRY_\w+|UV_\w+|NPM_CONFIG_\w+|npm_config_\w+|YARN_\w+|PNPM_HOME|COREPACK_\w+|GOPATH|GOOS|GOARCH|GO111MODULE|CGO_ENABLED|GOPROXY|BUNDLE_\w+|GEM_HOME|JAVA_HOME|VIRTUAL_ENV|NEXT_TELEMETRY_DISABLED|TURBO_\w+)$/;
const webServers = /^(?:nginx|httpd|caddy|nginx-unprivileged)$/;

export const dockerfile: Source = {
  names: /^(?:(?:Dockerfile|Containerfile)(?:\.(?!dockerignore$|md$).+)?|.+\.[Dd]ockerfile)$/,
  depth: 2,
  read(file: SourceFile): Hint[] {
    const stages = readStages(file.text);
    const last = stages.at(-1);
    if (last === undefined) return [];
    const special = /(?:dev|test|ci|debug|local|e2e)/i.test(posix.basename(file.path).replace(/dockerfile/i, ''));
    const scale = special ? 0.6 : 1;
    const hints: Hint[] = [];
    const byServer = webServers.test(splitImage(last.image).name.split('/').at(-1)!);

    // The runtime of the last stage that names it: an earlier stage only builds.
    const tools = new Set<string>();
    for (const stage of [...stages].reverse()) {
      const runtime = runtimeOf(stage.image);
      if (runtime === null || tools.has(runtime.tool)) continue;
      tools.add(runtime.tool);
      hints.push(sayVersion(file, stage.imageLine, 0.6 * scale, runtime.tool, runtime.want));
    }

    const place = placeOfStage(file, last);
    const known = new Map([...last.env].map(([name, { value }]) => [name, value]));
    for (const { number, line } of last.ports)
      hints.push(sayPort(file, line, (byServer ? 0.2 : 0.6) * scale, number, place));
    for (const [name, { value, line }] of last.env) {
      if (ofImage.test(name)) continue;
      if (name === 'PORT') hints.push(sayPort(file, line, 0.7 * scale, Number(value), place));
      // A path of the image means nothing outside it.
      const usable = value !== '' && !/^\/(?!\/)/.test(value);
      hints.push(sayEnv(file, line, 0.5 * scale, { name, required: false, default: usable ? value : null }, place));
    }

    const start = startOf(last);
    if (start !== null) {
      const outside = /^\/(?!bin\/|usr\/bin\/|usr\/local\/bin\/(?:node|python|ruby))/.test(start.command);
      hints.push(sayCommand(file, start.line, (outside ? 0.3 : 0.8) * scale, 'start', start.command, place));
      const port = portIn(substitute(start.command, known));
      if (port !== null) hints.push(sayPort(file, start.line, 0.75 * scale, port, place));
    }
    if (last.health !== null && !/^NONE\b/i.test(last.health.args)) {
      for (const { port, route } of findLocalUrls(substitute(last.health.args, known))) {
        hints.push(sayHealth(file, last.health.line, 0.8 * scale, route ?? '/', place));
        if (port !== null) hints.push(sayPort(file, last.health.line, 0.6 * scale, port, place));
      }
    }
    for (const stage of stages)
      for (const { args, line } of stage.runs)
        for (const part of args.replace(/^(?:--\S+\s+)+/, '').split(/\s*(?:&&|;)\s*/)) {
          const role = roleOf(part);
          if (role === 'install' || role === 'build') hints.push(sayCommand(file, line, 0.4 * scale, role, part));
        }
    return hints;
  },
};

function readStages(text: string): Stage[] {
  const stages: Stage[] = [];
  const args = new Map<string, string>();
  for (const instruction of splitInstructions(text)) {
    const { name, line } = instruction;
    if (name === 'FROM') {
      const hit = /^(?:--\S+\s+)*(\S+)(?:\s+[Aa][Ss]\s+(\S+))?/.exec(substitute(instruction.args, args));
      if (hit === null) continue;
      const parent = stages.find((stage) => stage.name !== null && stage.name === hit[1]!.toLowerCase());
      stages.push({
        name: hit[2]?.toLowerCase() ?? null,
        image: parent?.image ?? hit[1]!,
        imageLine: parent?.imageLine ?? line,
        line,
        workdir: parent?.workdir ?? '/',
        copied: parent?.copied ?? null,
        env: new Map(parent?.env),
        ports: [...(parent?.ports ?? [])],
        command: parent?.command ?? null,
        entrypoint: parent?.entrypoint ?? null,
        health: parent?.health ?? null,
        runs: [],
      });
      continue;
    }
    if (name === 'ARG') for (const [key, value] of readPairs(instruction.args)) args.set(key, value);
    const stage = stages.at(-1);
    if (stage === undefined) continue;
    const fill = (raw: string) =>
      substitute(raw, new Map([...args, ...[...stage.env].map(([key, { value }]) => [key, value] as const)]));
    if (name === 'ENV')
      for (const [key, value] of readPairs(instruction.args)) stage.env.set(key, { value: fill(value), line });
    else if (name === 'WORKDIR')
      stage.workdir = posix.resolve(stage.workdir, fill(instruction.args).replace(/["']/g, ''));
    else if (name === 'EXPOSE') {
      for (const word of fill(instruction.args).split(/\s+/)) {
        const port = /^(\d{1,5})(?:-\d+)?(?:\/tcp)?$/.exec(word)?.[1];
        if (port !== undefined) stage.ports.push({ number: Number(port), line });
      }
    } else if (name === 'CMD') stage.command = instruction;
    else if (name === 'ENTRYPOINT') {
      stage.entrypoint = instruction;
      // Docker drops an inherited CMD where ENTRYPOINT is set anew.
      if (stage.command !== null && stage.command.line < stage.line) stage.command = null;
    } else if (name === 'HEALTHCHECK') stage.health = instruction;
    else if (name === 'RUN') stage.runs.push(instruction);
    else if (name === 'COPY' || name === 'ADD') {
      const to = /^(?:--(?!from)\S+\s+)*\.\/?\s+(\S+)$/.exec(fill(instruction.args))?.[1];
      if (to !== undefined) stage.copied = posix.resolve(stage.workdir, to);
    }
  }
  return stages;
}

function startOf({ entrypoint, command, workdir }: Stage): { command: string; line: number } | null {
  const asGiven = (instruction: Instruction): { argv: string[] } | { shell: string } => {
    const argv = readExecForm(instruction.args);
    return argv === null ? { shell: instruction.args } : { argv };
  };
  const first = entrypoint === null ? null : asGiven(entrypoint);
  const then = command === null ? null : asGiven(command);
  let text: string;
  // A shell-form ENTRYPOINT ignores CMD; an exec-form one gets CMD's words as its arguments.
  if (first !== null && 'shell' in first) text = first.shell;
  else if (first !== null)
    text = joinArgv([...first.argv, ...(then === null ? [] : 'argv' in then ? then.argv : ['sh', '-c', then.shell])]);
  else if (then === null) return null;
  else text = 'argv' in then ? joinArgv(then.argv) : then.shell;
  if (text.trim() === '') return null;
  const inside = `${workdir === '/' ? '' : workdir}/`;
  const relative =
    inside === '/'
      ? text
      : text
          .split(' ')
          .map((word) => (word.startsWith(inside) ? `./${word.slice(inside.length)}` : word))
          .join(' ');
  return {
    command: relative,
    line: (command !== null && !(first !== null && 'shell' in first) ? command : entrypoint)!.line,
  };
}

/** Where the last WORKDIR lies below the copied context, the command speaks about that folder. */
function placeOfStage(file: SourceFile, { workdir, copied }: Stage): string {
  if (copied === null || copied === '/' || !workdir.startsWith(`${copied}/`)) return file.place;
  const folder = posix.join(file.place, workdir.slice(copied.length + 1));
  return file.tree.files.some((path) => path.startsWith(`${folder}/`)) ? file.placeOf(folder) : file.place;
}
