/** How servers say that somebody else has their port: the words of each, as it was begun on one that was held. */
import { expect, test } from 'vitest';
import { saysPortLost } from '../../../agents/database/bring-up.js';

test.each([
  ['memcached 1.6.18', 'failed to listen on one of interface(s) 127.0.0.1: Address already in use'],
  [
    'nats-server 2.9.10',
    '[FTL] Error listening on port: 127.0.0.1:4222, "listen tcp 127.0.0.1:4222: bind: address already in use"',
  ],
  ['ours', 'listen EADDRINUSE: address already in use 127.0.0.1:9000'],
  ['MariaDB 10.11', "[ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use"],
  ['PostgreSQL 15', 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use'],
  ['RabbitMQ 3.10', '{failed_to_start_child,prelaunch,{dist_port_already_used,5672,not_erlang,"localhost"}}'],
])('%s has lost its port', (_, words) => {
  expect(saysPortLost(`the private it of this run does not start: ${words} (exit code 1)`)).toBe(true);
});
test('another end is not taken for it', () => {
  expect(saysPortLost('PANIC:  could not read file "global/pg_control": read 23 of 296')).toBe(false);
});
