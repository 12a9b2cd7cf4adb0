/** The commands of `rr`. Each loads its own file when it is called. */
import { Command, CommanderError, Option } from 'commander';
import { readConfig } from '../../runtime/config.js';
import { fail } from '../../runtime/errors.js';
import { codeOf, codes, tellError } from './exit.js';
import type { Globals } from './globals.js';

export async function runCli(argv: string[]): Promise<void> {
  const rr = new Command('rr')
    .description(
      'Point it at any repository: it works out what that is, sets it up, runs it, proves that it answers, and repairs it when it breaks.',
    )
    .option('--state <dir>', 'state folder (default: $RR_HOME, else .repo-runner here)')
    .option('--host <id>', 'name of this host')
    .option('--json', 'one JSON object per line on stdout, nothing else', false)
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .showHelpAfterError(false)
    .enablePositionalOptions(false);
  const json = argv.includes('--json');
  const act =
    <A extends unknown[]>(command: (globals: Globals, ...args: A) => Promise<number>) =>
    async (...args: unknown[]): Promise<void> => {
      const { state, host } = rr.opts<{ state?: string; host?: string }>();
      const { config } = readConfig({
        ...(state === undefined ? {} : { state }),
        ...(host === undefined ? {} : { host }),
      });
      process.exitCode = await command({ config, json }, ...(args.slice(0, -1) as A));
    };
  const common = (command: Command): Command =>
    command
      .addOption(new Option('--json').hideHelp())
      .addOption(new Option('--state <dir>').hideHelp())
      .addOption(new Option('--host <id>').hideHelp());
  const pairs = (value: string, before: Record<string, string>): Record<string, string> => {
    const cut = value.indexOf('=');
    if (cut < 1) throw fail('USAGE', { met: `--env ${value} has no =`, fix: 'write --env NAME=VALUE' });
    return { ...before, [value.slice(0, cut)]: value.slice(cut + 1) };
  };
  const wholeNumber = (value: string): number => {
    if (/^[1-9]\d{0,5}$/.test(value)) return Number(value);
    throw fail('USAGE', { met: `--lines ${value} is no number of lines`, fix: 'write for example --lines 200' });
  };
  const seconds = (value: string): number => {
    if (/^\d{1,7}(\.\d{1,3})?$/.test(value)) return Number(value) * 1_000;
    throw fail('USAGE', { met: `--timeout ${value} is no number of seconds`, fix: 'write for example --timeout 60' });
  };
  const job = (command: Command): Command =>
    common(command)
      .argument('<source>', 'folder, archive or git URL')
      .option('--ref <ref>', 'branch, tag or commit of a git URL')
      .option('--service <name>', 'the service to run, by name or path')
      .option('--copy', 'work on a copy in any case', false)
      .option('--env <name=value>', 'a variable for the application and its install (repeatable)', pairs, {})
      .addOption(
        new Option('--restart <policy>', 'when an application that was up ends by itself').choices([
          'no',
          'on-failure',
          'always',
        ]),
      );

  job(rr.command('run'))
    .description('bring a repository to a proven answer and hold it until Ctrl-C')
    .option('--once', 'stop everything as soon as it is proven', false)
    .option('-d, --detach', 'give it to a runtime that stays (see up), say its id and leave', false)
    .option('--wait', 'with --detach: leave once the outcome is known', false)
    .action(
      act<[string, never]>(async (globals, source, options) =>
        (await import('./commands/run.js')).run(globals, source, options),
      ),
    );
  job(rr.command('submit'))
    .description('give a job to a runtime that is up')
    .action(
      act<[string, never]>(async (globals, source, options) =>
        (await import('./commands/runs.js')).submit(globals, source, options),
      ),
    );
  common(rr.command('plan'))
    .description('say what would be done, without running anything')
    .argument('<path>', 'folder of the repository')
    .option('--service <name>', 'the service to choose, by name or path')
    .action(
      act<[string, { service?: string }]>(async (globals, path, options) =>
        (await import('./commands/plan.js')).plan(globals, path, options),
      ),
    );
  common(rr.command('ps'))
    .description('the runs of this state folder')
    .option('--all', 'ended ones too', false)
    .action(
      act<[{ all: boolean }]>(async (globals, options) => (await import('./commands/runs.js')).ps(globals, options)),
    );
  common(rr.command('logs'))
    .description('what the commands of a run printed')
    .argument('<run>')
    .option('-n, --lines <n>', 'lines of each log', wholeNumber, 200)
    .option('-f, --follow', 'go on as they grow, until the run has ended', false)
    .action(
      act<[string, { lines: number; follow: boolean }]>(async (globals, run, options) =>
        (await import('./commands/logs.js')).logs(globals, run, options),
      ),
    );
  common(rr.command('restart'))
    .description('start the application of a run anew')
    .argument('<run>', 'a run, or the name of a service that one holds up')
    .action(act<[string]>(async (globals, run) => (await import('./commands/runs.js')).restart(globals, run)));
  common(rr.command('stop'))
    .description('end a run and all it holds')
    .argument('<run>')
    .action(act<[string]>(async (globals, run) => (await import('./commands/runs.js')).stop(globals, run)));
  common(rr.command('up'))
    .description('a runtime that takes jobs, and stays')
    .option('--foreground', 'in this process, until Ctrl-C', false)
    .action(
      act<[{ foreground: boolean }]>(async (globals, options) =>
        (await import('./commands/up.js')).up(globals, options),
      ),
    );
  common(rr.command('down'))
    .description('end the runtime and all it holds')
    .option('--drain', 'let what is at work end first; no new jobs meanwhile', false)
    .option('--keep', 'leave up what is up, for the next runtime', false)
    .option('--timeout <s>', 'with --drain: the longest it waits', seconds)
    .action(
      act<[{ drain: boolean; keep: boolean; timeout?: number }]>(async (globals, options) =>
        (await import('./commands/down.js')).down(globals, { ...options, timeout: options.timeout ?? null }),
      ),
    );
  common(rr.command('doctor'))
    .description('what is here, what is missing, and the fix')
    .action(act(async (globals) => (await import('./commands/doctor.js')).doctor(globals)));
  common(rr.command('config'))
    .description('every setting and where it came from')
    .action(act(async (globals) => (await import('./commands/config.js')).config(globals)));

  try {
    await rr.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return; // help was printed
      const shown = error.code === 'commander.help' ? rr.helpInformation() : '';
      if (shown && !json) process.stderr.write(shown);
      else
        tellError(
          fail('USAGE', {
            met: error.message.replace(/^error: /, '').replaceAll('\n', ' '),
            fix: 'rr --help shows how it is used',
          }),
          json,
        );
      process.exitCode = codes.usage;
      return;
    }
    process.exitCode = codeOf(tellError(error, json));
  }
}
