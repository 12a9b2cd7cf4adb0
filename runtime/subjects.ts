/** The only place where addresses and NATS subjects are built and parsed. Tokens match [a-z0-9-]+. */
import { z } from 'zod';

export const Token = z.string().regex(/^[a-z0-9-]+$/);
const ADDRESS = /^([a-z0-9-]+)\/([a-z0-9-]+)\/([a-z0-9-]+)$/;
/** `<run>/<kind>/<id>`; system actors have `sys` as run. */
export const Address = z.string().regex(ADDRESS);

export interface Place {
  run: string;
  kind: string;
  id: string;
}

export const addressOf = ({ run, kind, id }: Place): string => {
  const address = `${run}/${kind}/${id}`;
  return ADDRESS.test(address) ? address : Address.parse(address);
};
export const placeOf = (address: string): Place => {
  const match = ADDRESS.exec(address) ?? ADDRESS.exec(Address.parse(address))!;
  return { run: match[1]!, kind: match[2]!, id: match[3]! };
};
/** A singleton held by lease. */
export const main = (kind: string): string => `sys/${kind}/main`;

const dotted = (address: string): string => address.replaceAll('/', '.');
export const inboxOf = (address: string): string => `rr.${dotted(address)}.in`;
export const inboxesOf = (run: string): string => `rr.${run}.*.*.in`;
/** `<fact>` is the type after its first dot. */
export const factOf = (address: string, type: string): string => `rr.${dotted(address)}.out.${nameOf(type)}`;
export const viewOf = (user: string, address: string, type: string): string =>
  `rr.view.${user}.${dotted(address)}.${nameOf(type)}`;
export const viewsOf = (user: string, run: string): string => `rr.view.${user}.${run}.>`;
/** The one user there is so far: whoever holds the broker's credentials. */
export const USER = 'local';
export const apiOf = (user: string, service: string, verb: string): string => `rr.api.${user}.${service}.${verb}`;
export const allFacts = 'rr.*.*.*.out.*';
export const queuedJobs = 'rr.queue.jobs';
/** Queued jobs that could not be taken. */
export const deadJobs = 'rr.dead.jobs';

/** The address an `…in` subject speaks of; null when it is none. */
export const addressOfInbox = (subject: string): string | null => {
  const match = /^rr\.([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9-]+)\.in$/.exec(subject);
  return match ? `${match[1]}/${match[2]}/${match[3]}` : null;
};
/** `{user, service, verb}` of an `rr.api.…` subject; null when it is none. */
export const callOf = (subject: string): { user: string; service: string; verb: string } | null => {
  const match = /^rr\.api\.([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9-]+)$/.exec(subject);
  return match ? { user: match[1]!, service: match[2]!, verb: match[3]! } : null;
};
const nameOf = (type: string): string => Token.parse(type.slice(type.indexOf('.') + 1));
