/** Runs a health check as the runtime would: pure transitions, effects after them, due times as pauses. */
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket as TcpSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type AnyMachineSnapshot, initialTransition, transition } from 'xstate';
import { Check, Fact } from '../../../agents/health/contract.js';
import { health } from '../../../agents/health/index.js';
import type { EffectContext, Message, Perform } from '../../../runtime/actor.js';
import { systemClock } from '../../../runtime/clock.js';
import { readConfig } from '../../../runtime/config.js';
import { openLog } from '../../../runtime/log.js';

const context = (): EffectContext => ({
  id: 'r1/health/health-1/0.1.0',
  causation: null,
  signal: new AbortController().signal,
  deadlineAt: null,
  run: 'r1',
  address: 'r1/health/health-1',
  bundle: tmpdir(),
  config: readConfig({}, {}).config,
  clock: systemClock,
  log: openLog('silent', 2),
});

export type CheckInput = Partial<Omit<Check, 'type'>>;
export const command = (input: CheckInput): Check =>
  Check.parse({ type: 'health.check', service: 'web', how: 'http', stayMs: 20, giveUpMs: 300, ...input });

/**
 * @param restart after every step, throw the machine's state away and bring it back from JSON.
 * @returns the one fact that ended the check, as its contract has it.
 */
export async function drive(
  input: CheckInput,
  { restart = false, onFound = async () => {} }: { restart?: boolean; onFound?: () => Promise<void> } = {},
): Promise<Fact> {
  const { machine } = health;
  let [snapshot]: [AnyMachineSnapshot, unknown] = initialTransition(machine);
  let message: Message = command(input);
  const facts: Fact[] = [];
  let told = false;
  for (;;) {
    const [next, actions] = transition(machine, snapshot, message as never);
    snapshot = next;
    if (restart) {
      const { value, context } = JSON.parse(JSON.stringify({ value: snapshot.value, context: snapshot.context }));
      snapshot = machine.resolveState({ value, context } as never);
    }
    const owed = (actions as { type: string; params?: unknown }[]).filter(
      ({ type }) => type === 'emit' || type in health.effects,
    );
    for (const { type, params } of owed) if (type === 'emit') facts.push(Fact.parse(params));
    if (facts.length > 0) {
      if (snapshot.value !== 'idle' || facts.length !== 1)
        throw new Error(`${facts.length} facts in state ${JSON.stringify(snapshot.value)}`);
      return facts[0]!;
    }
    const { dueAt, found } = snapshot.context as { dueAt: number | null; found: unknown };
    if (found !== null && !told) {
      told = true;
      await onFound();
    }
    const effect = owed[0];
    if (effect !== undefined)
      message = await (health.effects[effect.type] as Perform<unknown>)(effect.params, context());
    else {
      if (dueAt === null) throw new Error(`nothing owed and nothing due in state ${JSON.stringify(snapshot.value)}`);
      await sleep(Math.max(0, dueAt - Date.now()));
      message = { type: 'due', at: Date.now() } as Message;
    }
  }
}

/** Listens until the test ends; open connections are cut then. */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  const open = new Set<TcpSocket>();
  server.on('connection', (socket: TcpSocket) => {
    open.add(socket);
    socket.on('error', () => {}); // the prober cuts connections on purpose
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}
/** A real HTTP server with this behaviour; gives the socket of a command. */
export const serve = async (handler: RequestListener, host = '127.0.0.1'): Promise<{ host: string; port: number }> => ({
  host,
  port: await listen(createServer(handler), host),
});
/** A real TCP server with this behaviour. */
export const serveTcp = async (handler: (socket: TcpSocket) => void): Promise<{ host: string; port: number }> => ({
  host: '127.0.0.1',
  port: await listen(createTcpServer(handler)),
});
