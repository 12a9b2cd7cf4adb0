/** The commands of `rr`. Each loads its own file when it is called. */
import { Argument, Command, CommanderError, Option } from 'commander';
import { readConfig } from '../../runtime/config.js';
import { fail } from '../../runtime/errors.js';
import type { SpawnOptions } from './commands/admin.js';
import { codeOf, codes, endWithStdout, tellError } from './exit.js';
import type { Globals } from './globals.js';

/** The options that say which runtime is meant, for a command within the REPL. */
const stateOf = ({ state, host }: { state?: string; host?: string }): string[] => [
  ...(state === undefined ? [] : ['--state', state]),
  ...(host === undefined ? [] : ['--host', host]),
];

/** Commands that hold processes: these are ended in order, or not at all. */
const holding = ['run', 'up'];

export async function runCli(argv: string[]): Promise<void> {
  /** What would have been said on stderr last: the help of a command that was given none of its own. */
  let written = '';
  const rr = new Command('rr')
    .description(
      'Point it at any repository: it works out what that is, sets it up, runs it, proves that it answers, and repairs it when it breaks.',
    )
    .option('--state <dir>', 'state folder (default: $RR_HOME, else .repo-runner here)')
    .option('--host <id>', 'name of this host')
    .option('--json', 'one JSON object per line on stdout, nothing else', false)
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        written = text;
      },
    })
    .showHelpAfterError(false)
    .enablePositionalOptions(false);
  const json = argv.includes('--json');
  const act =
    <A extends unknown[]>(command: (globals: Globals, ...args: A) => Promise<number>) =>
    async (...args: unknown[]): Promise<void> => {
      // Those of rr, and of the commands above this one: an option may stand anywhere.
      const called = args.at(-1) as Command;
      if (!holding.includes(called.name())) endWithStdout();
      const { state, host } = called.optsWithGlobals<{ state?: string; host?: string }>();
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
  const list = (value: string, before: string[]): string[] => [...before, value];
  const wholeNumber = (value: string): number => {
    if (/^[1-9]\d{0,5}$/.test(value)) return Number(value);
    throw fail('USAGE', { met: `--lines ${value} is no number of lines`, fix: 'write for example --lines 200' });
  };
  const restarts = (value: string): number => {
    if (/^\d{1,6}$/.test(value)) return Number(value);
    throw fail('USAGE', { met: `--intensity ${value} is no number`, fix: 'write for example --intensity 5' });
  };
  const anyJson =
    (option: string, example: string) =>
    (value: string): unknown => {
      try {
        return JSON.parse(value) as unknown;
      } catch {
        throw fail('USAGE', { met: `${option} ${value} is no JSON`, fix: `write for example ${option} '${example}'` });
      }
    };
  const payload = anyJson('--payload', '"yes"');
  const object = (value: string): Record<string, unknown> => {
    try {
      const input: unknown = JSON.parse(value);
      if (input !== null && typeof input === 'object' && !Array.isArray(input)) return input as Record<string, unknown>;
    } catch {
      // told below, with what is no object
    }
    throw fail('USAGE', { met: `--input ${value} is no JSON object`, fix: `write --input '{"name": "value"}'` });
  };
  const secondsOf =
    (option: string) =>
    (value: string): number => {
      if (/^\d{1,7}(\.\d{1,3})?$/.test(value)) return Number(value) * 1_000;
      throw fail('USAGE', {
        met: `${option} ${value} is no number of seconds`,
        fix: `write for example ${option} 60`,
      });
    };
  const seconds = secondsOf('--timeout');
  const job = (command: Command): Command =>
    common(command)
      .argument('[source]', 'folder, archive or git URL; some workflows want none')
      .option('--ref <ref>', 'branch, tag or commit of a git URL')
      .option('--service <name>', 'the service to run, by name or path')
      .option('--all', 'every service of the repository, each with the addresses of the others', false)
      .addOption(
        new Option('--profile <name>', 'with --all: services of this profile of its compose file too (repeatable)')
          .env('COMPOSE_PROFILES')
          .argParser((value: string, before: string[] = []) => [...before, ...value.split(',').filter(Boolean)]),
      )
      .option('--copy', 'work on a copy in any case', false)
      .option('--fresh', 'begin its databases with empty data')
      .option('--workflow <name>', 'what to do (default: repo-run); rr workflows list')
      .option('--input <json>', 'what the steps of the workflow see as $input', object)
      .option('--test', 'run its own tests too, once it is up', false)
      .addOption(
        new Option('--goal <goal>', 'run: a proven answer; tests: its own test suite, and nothing is started').choices([
          'run',
          'tests',
        ]),
      )
      .addOption(
        new Option('--restart <when>', 'start the application again when it ends by itself').choices([
          'no',
          'on-failure',
          'always',
        ]),
      )
      .addOption(
        new Option('--sandbox <how>', 'keep what it runs in a sandbox (default: $RR_SANDBOX, else auto)').choices([
          'auto',
          'off',
          'strict',
        ]),
      )
      .addOption(
        new Option('--isolation <how>', 'container: run it in a container of docker or podman').choices([
          'none',
          'container',
        ]),
      )
      .option('--allow-host <host[:port]>', 'a host that a strict sandbox may reach (repeatable)', list, [])
      .option('--without-rule <id>', 'a rule of the fixer that is not asked (repeatable)', list, [])
      .option('--env <name=value>', 'a variable for the application and its install (repeatable)', pairs, {})
      .option('--offline', 'fetch nothing: what neither this machine nor its caches have is named', false);

  job(rr.command('run'))
    .description('bring a repository to a proven answer and hold it until Ctrl-C')
    .option('--once', 'stop everything as soon as it is proven', false)
    .option('-d, --detach', 'give it to a runtime that stays (see up), say its id and leave', false)
    .option('--wait', 'with --detach: leave once the outcome is known', false)
    .action(
      act<[string | undefined, never]>(async (globals, source, options) =>
        (await import('./commands/run.js')).run(globals, source, options),
      ),
    );
  job(rr.command('submit'))
    .description('give a job to a runtime that is up')
    .action(
      act<[string | undefined, never]>(async (globals, source, options) =>
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
  common(rr.command('status'))
    .description('how the applications that are held up are')
    .argument('[run]', 'default: every run that is up')
    .option('-w, --watch', 'again and again, until Ctrl-C', false)
    .action(
      act<[string | undefined, { watch: boolean }]>(async (globals, run, options) =>
        (await import('./commands/status.js')).status(globals, run, options),
      ),
    );
  common(rr.command('logs'))
    .description('what the commands of a run printed')
    .argument('<run>')
    .argument('[service]', 'only what those of one service did')
    .option('-n, --lines <n>', 'lines of each log', wholeNumber, 200)
    .option('-f, --follow', 'go on as they grow, until the run has ended', false)
    .action(
      act<[string, string | undefined, { lines: number; follow: boolean }]>(async (globals, run, service, options) =>
        (await import('./commands/logs.js')).logs(globals, run, service, options),
      ),
    );
  common(rr.command('restart'))
    .description('start anew what a run holds up')
    .argument('<run>', 'a run, or the name of a service that one holds up')
    .argument('[service]', 'one of several that the run holds up')
    .action(
      act<[string, string | undefined]>(async (globals, run, service) =>
        (await import('./commands/runs.js')).restart(globals, run, service),
      ),
    );
  common(rr.command('stop'))
    .description('end a run and all it holds')
    .argument('<run>')
    .action(act<[string]>(async (globals, run) => (await import('./commands/runs.js')).stop(globals, run)));
  common(rr.command('approve'))
    .description('decide where a run asks for approval')
    .argument('<run>')
    .argument('[step]', 'the step that asks, where more than one does')
    .option('--option <name>', 'what is decided', 'approve')
    .option('--reason <text>', 'why', '')
    .action(
      act<[string, string | undefined, { option: string; reason: string }]>(async (globals, run, step, options) =>
        (await import('./commands/runs.js')).approve(globals, run, step, options),
      ),
    );
  common(rr.command('decisions'))
    .description('what the admin asks people about actors that died too often, and what was decided')
    .action(act<[]>(async (globals) => (await import('./commands/decisions.js')).decisions(globals)));
  common(rr.command('decide'))
    .description('answer what the admin asks')
    .argument('<decision>', 'its id')
    .argument('<option>', 'restart or stop')
    .option('--reason <text>', 'why', '')
    .action(
      act<[string, string, { reason: string }]>(async (globals, decision, option, { reason }) =>
        (await import('./commands/decisions.js')).decide(globals, decision, option, reason),
      ),
    );
  common(rr.command('signal'))
    .description('send a run a signal')
    .argument('<run>')
    .argument('<name>')
    .option('--payload <json>', 'what it carries', payload)
    .action(
      act<[string, string, { payload?: unknown }]>(async (globals, run, name, options) =>
        (await import('./commands/runs.js')).signal(globals, run, name, options),
      ),
    );
  common(rr.command('workflows'))
    .description('the workflows there are: list, show NAME, check FILE')
    .argument('<what>', 'list, show or check')
    .argument('[name]', 'the workflow, or the file')
    .option('--mermaid', 'draw it', false)
    .action(
      act<[string, string | undefined, { mermaid: boolean }]>(async (globals, what, name, options) =>
        (await import('./commands/workflows.js')).workflows(globals, what, name, options),
      ),
    );
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
  common(rr.command('repl'))
    .description('the runtime at a prompt: tree(), actor(…), run(…), watch(…); scripts on stdin, or --eval')
    .option('-e, --eval <code>', 'evaluate this and end')
    .action(
      act<[{ eval?: string }]>(async (globals, options) =>
        (await import('./commands/repl.js')).repl(globals, options, {
          commands: rr.commands.map((command) => ({
            name: command.name(),
            about: command.description(),
            below: command.commands.map((one) => one.name()),
          })),
          options: stateOf(rr.opts()),
        }),
      ),
    );
  const checkpoints = rr.command('checkpoints').description('what actors remember: look at it, mend it, go on from it');
  const about = (command: string, description: string): Command =>
    common(checkpoints.command(command)).description(description);
  const room = () => import('./commands/checkpoints.js');
  about('list', 'every actor that has a checkpoint')
    .argument('[run]', 'only this run’s; `sys`: the system’s')
    .action(act<[string | undefined, object]>(async (globals, run) => (await room()).list(globals, run)));
  about('show', 'one actor, and the message that led there')
    .argument('<address[@version]>')
    .option('--path <field>', 'only this part of its context, e.g. steps.deps')
    .action(
      act<[string, { path?: string }]>(async (globals, target, options) =>
        (await room()).show(globals, target, options),
      ),
    );
  about('history', 'the versions that are kept, and what changed from each to the next')
    .argument('<address>')
    .action(act<[string]>(async (globals, target) => (await room()).history(globals, target)));
  about('diff', 'what changed between two versions')
    .argument('<address>')
    .argument('<from>')
    .argument('<to>')
    .action(
      act<[string, string, string]>(async (globals, target, from, to) =>
        (await room()).diff(globals, target, from, to),
      ),
    );
  about('restore', 'put an older version back as the newest')
    .argument('<address>')
    .argument('<version>')
    .option('--drop-owed', 'drop all effects it owed then', false)
    .action(
      act<[string, string, { dropOwed: boolean }]>(async (globals, target, version, options) =>
        (await room()).restore(globals, target, version, options),
      ),
    );
  about('fork', 'a new run that goes on from a step of another, on a copy')
    .argument('<run>')
    .requiredOption('--from <step>', 'the step to do again, with all that follow from it')
    .option(
      '--set <field=json>',
      'change a field of the job, or a variable: env.NAME (repeatable)',
      (given, before) => [...(before as string[]), given],
      [] as string[],
    )
    .option('--input <json>', 'fields of the job to change, as one object')
    .action(
      act<[string, { from: string; set: string[]; input?: string }]>(async (globals, run, { from, set, input }) => {
        const { fork, readInput, readSet } = await room();
        const changes = set.map(readSet);
        return fork(globals, run, { from, set: changes, ...(input === undefined ? {} : { input: readInput(input) }) });
      }),
    );
  about('verify', 'look at the whole state folder')
    .option('--mend', 'remove what harms nobody when it is gone; no runtime may be up', false)
    .action(act<[{ mend: boolean }]>(async (globals, options) => (await room()).verify(globals, options)));
  about('export', 'write a run or an actor into one file, without what is secret')
    .argument('<run|address>')
    .argument('<file>')
    .action(act<[string, string]>(async (globals, what, file) => (await room()).exportTo(globals, what, file)));
  about('import', 'take in what was exported')
    .argument('<file>')
    .action(act<[string]>(async (globals, file) => (await room()).importFrom(globals, file)));
  const db = rr.command('db').description('the private databases of a run: address, prompt, everything in it');
  const into = (command: 'url' | 'shell' | 'dump', description: string): Command =>
    common(db.command(command))
      .description(description)
      .argument('[run]', 'default: the newest that has a database')
      .option('--kind <kind>', 'which one: postgres, mysql, redis, …')
      .action(
        act<[string | undefined, { kind?: string }]>(async (globals, run, options) =>
          (await import('./commands/db.js'))[command](globals, run, options),
        ),
      );
  into('url', 'its address, with the login of the application');
  into('shell', 'a prompt of its own client; the database of an ended run is up meanwhile');
  into('dump', 'everything in it, on standard output');
  common(rr.command('export'))
    .description('what a proven run really used, as a file for others')
    .addArgument(
      new Argument('<format>').choices(['dockerfile', 'compose', 'devcontainer', 'github-actions', 'script', 'json']),
    )
    .argument('[run]', 'default: the newest that was proven')
    .option('-o, --out <file>', 'write it there, where nothing is yet')
    .action(
      act<[string, string | undefined, { out?: string }]>(async (globals, format, run, options) =>
        (await room()).exportRun(globals, format, run, options),
      ),
    );
  const quarantine = rr.command('quarantine').description('messages that could not be taken: see, mend, send again');
  const aside = (command: string, description: string): Command =>
    common(quarantine.command(command)).description(description);
  const ward = () => import('./commands/quarantine.js');
  aside('list', 'every message that is kept aside, oldest first').action(
    act(async (globals) => (await ward()).list(globals)),
  );
  aside('show', 'one of them, whole, but for what is secret')
    .argument('<id>')
    .option('--only-payload', 'only what it carries, as JSON, to be edited', false)
    .action(
      act<[string, { onlyPayload: boolean }]>(async (globals, id, options) =>
        (await ward()).show(globals, id, options),
      ),
    );
  aside('edit', 'give it another payload; the original is kept')
    .argument('<id>')
    .argument('[file]', 'with the payload as JSON; - or none: standard input')
    .option('--payload <json>', 'the payload itself', payload)
    .action(
      act<[string, string | undefined, { payload?: unknown }]>(async (globals, id, file, options) =>
        (await ward()).edit(globals, id, file, options),
      ),
    );
  aside('put-back', 'send it to its actor again')
    .argument('<id>')
    .option('--timeout <s>', 'its new deadline, from now (default: 600)', seconds)
    .action(
      act<[string, { timeout?: number }]>(async (globals, id, options) => (await ward()).putBack(globals, id, options)),
    );
  aside('drop', 'throw it away')
    .argument('<id>')
    .action(act<[string]>(async (globals, id) => (await ward()).drop(globals, id)));
  const admin = rr.command('admin').description('actors: who is alive, what one is at; ask, start, restart, stop them');
  const over = (command: string, description: string): Command =>
    common(admin.command(command)).description(description);
  const desk = () => import('./commands/admin.js');
  over('tree', 'who is alive, and whose child').action(act(async (globals) => (await desk()).tree(globals)));
  over('kinds', 'every kind of actor and the commands it hears')
    .argument('[kind]', 'only this one, with the fields of its commands')
    .action(act<[string | undefined, object]>(async (globals, kind) => (await desk()).kinds(globals, kind)));
  over('actor', 'what one actor is at, alive or not')
    .argument('<address>', '<run>/<kind>/<id>')
    .action(act<[string]>(async (globals, address) => (await desk()).actor(globals, address)));
  over('send', 'send an actor a command, and wait for the fact that ends it')
    .argument('<address>')
    .argument('<json>', 'the command; - : from standard input')
    .option('--timeout <s>', 'how long it may take (default: 30)', seconds)
    .option('--id <id>', 'an id of your own making, so that a repeat is the same command')
    .action(
      act<[string, string, { timeout?: number; id?: string }]>(async (globals, address, json, options) =>
        (await desk()).send(globals, address, json, options),
      ),
    );
  over('spawn', 'start an actor of a kind; prints its address')
    .argument('<kind>')
    .option('--id <id>', 'its id (default: one is made)')
    .option('--run <run>', 'the run it belongs to (default: sys, none)')
    .option('--input <json>', 'what its kind begins with', anyJson('--input', '{"name": "value"}'))
    .addOption(
      new Option('--restart <when>', 'what becomes of it when it dies (default: permanent)').choices([
        'permanent',
        'transient',
        'temporary',
      ]),
    )
    .option('--group <name>', 'it is restarted with the others of this group')
    .addOption(
      new Option('--strategy <how>', 'which of the group (default: one_for_one)').choices([
        'one_for_one',
        'one_for_all',
        'rest_for_one',
      ]),
    )
    .option('--intensity <n>', 'more restarts of the group than this, and it is given up (default: 5)', restarts)
    .option('--period <s>', 'within so many seconds (default: 60)', secondsOf('--period'))
    .action(
      act<[string, SpawnOptions]>(async (globals, kind, options) => (await desk()).spawn(globals, kind, options)),
    );
  over('restart', 'end an actor’s loop, and start it again from its checkpoint')
    .argument('<address>')
    .action(act<[string]>(async (globals, address) => (await desk()).restart(globals, address)));
  over('stop', 'end an actor that was started by spawn; its checkpoint stays')
    .argument('<address>')
    .action(act<[string]>(async (globals, address) => (await desk()).stop(globals, address)));
  over('enlist', 'take in a new kind of agent; it is held back until its own checks pass')
    .argument('<folder>', 'with an agent.json')
    .action(act<[string]>(async (globals, folder) => (await desk()).enlist(globals, folder)));
  over('unlist', 'forget a kind that was made at run time')
    .argument('<kind>')
    .action(act<[string]>(async (globals, kind) => (await desk()).unlist(globals, kind)));
  const runs = rr.command('runs').description('the runs of this state folder, ended ones too');
  common(runs.command('list'))
    .description('newest first, as rr ps --all')
    .action(act(async (globals) => (await room()).runsList(globals)));
  common(runs.command('show'))
    .description('what a run did and when: steps, repairs, decisions, and where the time went')
    .argument('<run>')
    .action(act<[string]>(async (globals, run) => (await room()).runsShow(globals, run)));
  common(rr.command('explain'))
    .description('the rule, the cause and the repair of an output, a log or a run; runs nothing')
    .argument('<what...>', 'an output, the path of a log, a run, or - for standard input')
    .action(act<[string[]]>(async (globals, what) => (await import('./commands/fixes.js')).explain(globals, what)));
  const fixes = rr.command('fixes').description('what helped on this machine before, and is tried first');
  const learned = () => import('./commands/fixes.js');
  common(fixes.command('list'))
    .description('every repair that was tried: how often it helped, how often not')
    .action(act(async (globals) => (await learned()).list(globals)));
  common(fixes.command('forget'))
    .description('forget what was learned')
    .argument('<id>', 'of one, the name of a rule, or all')
    .action(act<[string]>(async (globals, id) => (await learned()).forget(globals, id)));
  common(fixes.command('check'))
    .description('name the faults of a file of rules, each with its line')
    .argument('<file>')
    .action(act<[string]>(async (globals, file) => (await learned()).check(globals, file)));
  common(fixes.command('export'))
    .description('write what was learned as JSON')
    .argument('[file]', 'default: standard output')
    .action(act<[string | undefined]>(async (globals, file) => (await learned()).exportTo(globals, file)));
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
      const shown = error.code === 'commander.help' ? written : '';
      if (shown && !json) process.stderr.write(shown);
      else
        tellError(
          fail('USAGE', {
            met:
              error.code === 'commander.help'
                ? 'no command was given'
                : error.message.replace(/^error: /, '').replaceAll('\n', ' '),
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
