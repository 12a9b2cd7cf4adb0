/**
 * RabbitMQ. Erlang's nodes find each other through a daemon that a whole machine shares (epmd), and answer each other on a
 * port of their own. A private broker has no neighbours: a module of a few lines stands in the daemon's place, which knows
 * this one node, so nothing is started beside it and nobody's daemon is spoken to. Its port for nodes is on an address of
 * loopback of its own, and its cookie in its folder.
 *
 * Users, virtual hosts and passwords are those of this run, also on data of an earlier one: they are read in at each start.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { onLinux } from '../../runtime/identity.js';
import { quote } from '../../runtime/shell.js';
import { erlangRoot } from '../debian.js';
import { companion } from './find.js';
import type { FoundService, Job, Lodging, ServiceKind } from './kind.js';

/** Of every broker of ours: without a daemon nobody hears a name, and what it stores lies under it. */
const NODE = 'rr@localhost';
const EPMD = 'rr_epmd';
const MODULE = `-module(${EPMD}).
-export([start_link/0, register_node/2, register_node/3, listen_port_please/2, port_please/2, port_please/3,
         address_please/3, names/0, names/1]).
start_link() -> ignore.
register_node(Name, Port) -> register_node(Name, Port, inet).
register_node(Name, Port, _) -> persistent_term:put(?MODULE, {atom_to_list(Name), Port}), {ok, 1}.
listen_port_please(_, _) -> {ok, 0}.
port_please(Name, Host) -> port_please(Name, Host, infinity).
port_please(Name, _, _) ->
  Wanted = lists:flatten(io_lib:format("~s", [Name])),
  case persistent_term:get(?MODULE, none) of {Wanted, Port} -> {port, Port, 6}; _ -> noport end.
address_please(_, Host, Family) -> inet:getaddr(Host, Family).
names() -> names("localhost").
names(_) -> case persistent_term:get(?MODULE, none) of none -> {ok, []}; Own -> {ok, [Own]} end.
`;

/** Where it would answer other nodes: Linux has all of 127/8. */
function nodesAt({ folder, port }: Lodging): { host: string; port: number } {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(`nodes ${folder}`).digest();
  if (onLinux) return { host: `127.${(a % 250) + 2}.${b}.${(c % 250) + 2}`, port };
  return { host: '127.0.0.1', port: port > 45_000 ? port - 20_000 : port + 20_000 };
}
/** Erlang lies beside it or on PATH. */
function withErlang(found: FoundService, command: string): string {
  const erl = companion(found, 'erl');
  return `${erl === null ? '' : `PATH=${quote(dirname(erl))}:"$PATH"\nexport PATH\n`}exec ${command}`;
}

export const rabbitmq: ServiceKind = {
  name: 'rabbitmq',
  title: 'RabbitMQ',
  port: 5672,
  programs: ['rabbitmq-server'],
  // On PATH Debian has a wrapper that wants to be root, and becomes another user.
  beside: 'rabbitmq-env',
  folders: ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin'],
  packages: ['rabbitmq-server'],
  rewrite: erlangRoot,
  // Its command line needs a node that is up to tell its version.
  versionIn: /rabbitmq(?:_server-|\/)(\d+(?:\.\d+)+)/,
  schemes: ['amqp', 'amqps'],
  login: { user: 'guest', password: 'guest', database: '' },
  prepare: (found, { folder }) => ({
    shell: withErlang(found, `erlc ${EPMD}.erl`),
    env: found.env,
    files: [{ path: join(folder, `${EPMD}.erl`), text: MODULE }],
  }),
  serve(found, lodging, { logins }): Job {
    const { data, folder, host, port } = lodging;
    const nodes = nodesAt(lodging);
    const [path, definitions] = [join(folder, 'rabbitmq.conf'), join(folder, 'definitions.json')];
    const lines = [
      `listeners.tcp.local = ${host}:${port}`,
      `load_definitions = ${definitions}`,
      'log.console = true',
      'log.console.level = warning',
      'log.file = false',
    ];
    const vhostOf = ({ database }: { database: string }): string => database || '/';
    const all = '.*';
    const defined = {
      vhosts: [...new Set(logins.map(vhostOf))].map((name) => ({ name })),
      users: [...new Map(logins.map((login) => [login.user, login])).values()].map(({ user, password }) => ({
        name: user,
        password,
        tags: 'administrator',
      })),
      permissions: logins.map((login) => ({
        user: login.user,
        vhost: vhostOf(login),
        configure: all,
        write: all,
        read: all,
      })),
    };
    const flags = [
      `-start_epmd false -epmd_module ${EPMD} -erl_epmd_port ${nodes.port} -pa .`,
      `-kernel inet_dist_use_interface {${nodes.host.replaceAll('.', ',')}}`,
    ];
    const env = {
      ...found.env,
      // Erlang keeps its cookie there.
      HOME: folder,
      ERL_FLAGS: flags.join(' '),
      ERL_CRASH_DUMP_SECONDS: '0',
      // What this machine has set up is of another one.
      RABBITMQ_CONF_ENV_FILE: join(folder, 'none.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none.config'),
      RABBITMQ_CONFIG_FILE: path,
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      RABBITMQ_MNESIA_BASE: data,
      RABBITMQ_LOG_BASE: folder,
      RABBITMQ_LOGS: '-',
      RABBITMQ_NODENAME: NODE,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(nodes.port),
      // The server in the place of its script: one process, which is told to end as it is told by the system.
      RUNNING_UNDER_SYSTEMD: 'true',
    };
    return {
      shell: withErlang(found, quote(found.server)),
      env,
      files: [
        { path, text: `${lines.join('\n')}\n` },
        { path: definitions, text: `${JSON.stringify(defined)}\n` },
      ],
    };
  },
  ask: () => ({
    send: Buffer.from('AMQP\0\0\x09\x01', 'latin1'),
    isReady: (heard) => heard.length > 8 && heard[0] === 1,
  }),
  without: {
    shell: 'connect a client of AMQP of your own to the address of rr db url',
    dump: 'messages are given to whoever takes them: connect a client of AMQP to the address of rr db url',
  },
  manual: 'install RabbitMQ (Debian: apt-get install rabbitmq-server)',
};
