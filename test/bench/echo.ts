/** The other process of `ask`: answers in three ways, none of which takes a turn. Arguments: URL, user, password. */
import { connect } from '@nats-io/transport-node';
import { openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { natsWire } from '../../runtime/wire.js';

const [servers, user, pass] = process.argv.slice(2) as [string, string, string];
const nats = await connect({ servers, user, pass });
const bus = openBus(natsWire(nats, `_INBOX.echo${process.pid}`), systemClock);
bus.listen('bench/echo/echo-1', ({ payload }, answer) => answer({ fact: { type: 'echo.said', ...payload } }));
nats.subscribe('bench.raw', { callback: (_, message) => void message.respond(message.data) });
await nats.flush();
process.send?.('ready');
