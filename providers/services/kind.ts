/** What there is to know of a kind of service, e.g. how its server is found, begun and asked whether it is ready. */
import type { Rewrite } from '../debian.js';

export interface FoundService {
  /** The server's program, absolute; its companions (clients, `initdb`) lie beside it or on `path`. */
  server: string;
  version: string;
  /** ours: a program of ours in the place of one that is not here. */
  from: 'machine' | 'cache' | 'fetched' | 'engine' | 'ours';
  /** For people, where the name of its kind says too much. */
  title?: string;
  /** Variables its programs run with, e.g. LD_LIBRARY_PATH of unpacked packages. */
  env: Record<string, string>;
  /** Folders that hold its programs. */
  path: string[];
  /** From an engine: the image that it comes out of. */
  image?: string;
}
/** Who logs in, and to what. An empty text: there is none. */
export interface Login {
  user: string;
  password: string;
  database: string;
}
/** Where one instance lives. */
export interface Lodging {
  /** Kept between runs, unless somebody else holds it. */
  data: string;
  /** Private to the instance, mode 0700: sockets, set-up files. */
  folder: string;
  host: string;
  port: number;
  /** Whether `data` was made just now. */
  fresh: boolean;
}
export interface Wish {
  /** The first one is the application's main one. */
  logins: Login[];
}
/** One shell command under the run's keeper; nothing of it is secret, but its environment may be. */
export interface Job {
  shell: string;
  env: Record<string, string>;
  /** Files written before it, mode 0600. */
  files?: { path: string; text: string }[];
}
export interface ServiceKind {
  name: string;
  /** Of the protocol; preferred when it is free. */
  port: number;
  /** Names of the server's program, best first. */
  programs: readonly string[];
  /** Folders beside PATH where distributions put it, `*` for a part of a name. */
  folders: readonly string[];
  /** Debian's packages with the server and its clients, the server's first; empty: it is not to be had there. */
  packages: readonly string[];
  /** Clients that are in those packages; what is in our cache without them is fetched again where it can be. */
  clients?: readonly string[];
  /** A script in them that names where it would have been installed. */
  rewrite?: Rewrite;
  versionOf?: readonly string[];
  /** How its program tells its version, where that is not the first number with a dot; the first group. */
  versionAs?: RegExp;
  /** Where its program cannot tell its version: that is in its real path, the first group. */
  versionIn?: RegExp;
  /** A file that lies beside the program itself, and not beside what a distribution puts on PATH in its place. */
  beside?: string;
  /** Of our cache; default: `services/<name>`. */
  cacheFolder?: string;
  /** Of npm's registry, where nothing else gives it: the folder in the package, and its list of links. */
  npm?(): { pack: string; folder: string; links: string | null } | null;
  /** A program of ours: nothing is looked for. */
  own?(): FoundService;
  /** A program of ours that does where nothing else is on this machine. */
  ours?(): FoundService;
  /** Its data is in the bundle of the run, not kept for the next one. */
  ofTheRun?: boolean;
  /** For people; default: its name. */
  title?: string;
  /** Of the data folder; default: the same for all versions. */
  dataName?(found: FoundService): string;
  /** Schemes of its URLs, the first one is how we write it. */
  schemes: readonly string[];
  /** Who logs in where the application does not say. */
  login: Login;
  /** Makes the data folder; null: nothing to make. Only while `fresh`. */
  initialise?(found: FoundService, lodging: Lodging, wish: Wish): Job | null;
  /** Roles and databases, before the server is up; repeated at every start. */
  prepare?(found: FoundService, lodging: Lodging, wish: Wish): Job | null;
  /** The server in the foreground. */
  serve(found: FoundService, lodging: Lodging, wish: Wish): Job;
  /** Roles and databases, once it is up; repeated at every start. */
  provide?(found: FoundService, lodging: Lodging, wish: Wish): Job | null;
  /** Bytes to send on a new connection (empty: none) and whether what comes back means that it is ready. */
  ask(lodging: Lodging, wish: Wish): { send: Buffer; isReady: (heard: Buffer) => boolean };
  /** Whether it is ours that listens, where its processes cannot be seen from here. */
  listens?(): Promise<boolean>;
  /** An interactive client, and one that writes everything out; null where its program is absent. */
  shell?(found: FoundService, lodging: Lodging, login: Login): Client | null;
  dump?(found: FoundService, lodging: Lodging, login: Login): Client | null;
  /** Takes SQL on its standard input and ends at the first error. */
  load?(found: FoundService, lodging: Lodging, login: Login): Client | null;
  /** Why there is no client of it to be had, and what a person does instead; default: its program is not here. */
  without?: { shell?: string; dump?: string };
  /** What a person does where it is not to be had, e.g. the package to install. */
  manual: string;
}
export interface Client {
  command: string;
  args: string[];
  env: Record<string, string>;
}
