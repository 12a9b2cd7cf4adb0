/** The closed vocabulary of repairs in words: what each does, and what taking it back means. */
import type { Action } from './contract.js';

export const vocabulary: Readonly<Record<Action['do'], { does: string; undo: string }>> = {
  'set-env': {
    does: 'sets a variable for the commands of the service; a secret is made up where it is used',
    undo: 'the variable is as it was before',
  },
  'set-command': {
    does: 'takes another command to install, build or start: another program, a flag more, a command before it',
    undo: 'the command of the plan is taken again',
  },
  'add-install': {
    does: 'runs a command after the install, for a package that is used and not declared',
    undo: 'the command is left out, and the packages are installed anew',
  },
  'choose-version': {
    does: 'takes another version of a tool, fetched when it is not here',
    undo: 'the version of the plan is taken again',
  },
  'relax-version': {
    does: 'takes the nearest version of a tool to the one that is asked for',
    undo: 'the version is asked for again as it stands',
  },
  'use-copy': {
    does: 'works on a copy of the repository',
    undo: "the copy stays in the run's folder; the work goes on where it was",
  },
  'move-port': { does: 'takes another port than one that was lost', undo: 'the port may be leased again' },
  'write-overlay-file': {
    does: 'writes a file into a copy of the repository, never where its owner works',
    undo: 'the file is not in the next copy',
  },
  'run-command': {
    does: "runs a command in the work folder before the start, with the application's environment",
    undo: 'the command is left out of the next try',
  },
  migrate: {
    does: 'runs the migrations of the repository, on a database that is ours alone',
    undo: 'the command is left out; the database is kept for a look',
  },
  'start-service': {
    does: 'starts a private instance of a service that the application needs',
    undo: 'the instance is stopped',
  },
  'create-database': {
    does: 'makes a database on a private instance',
    undo: 'the database stays on the private instance, unused',
  },
  'map-host': { does: 'has a name resolve for the application', undo: 'the name is unknown again' },
  'install-system-package': {
    does: "unpacks packages of Debian into the cache, for the run's commands alone; the system is not changed",
    undo: 'the packages are left out of the next try',
  },
  'own-network': {
    does: 'starts the application in a network of its own, where the port it insists on is free, and brings that out at the port it was leased',
    undo: 'it is started in the network of the machine again',
  },
  'serve-at': {
    does: 'starts the application in a network of its own, where a private service answers at the port that stands in its code',
    undo: 'it is started in the network of the machine again',
  },
  'do-again': {
    does: 'does a step of the run again, as it was done before: what it had made is there no more',
    undo: 'nothing lies over the repository that would have to go',
  },
};
