// Submits a repository to a runtime that is up, hears what happens, prints the result. Knows nothing of Repo Runner but
// its subjects: any NATS client in any language does the same.
// Usage: node docs/examples/submit.mjs STATE_FOLDER FOLDER_OR_GIT_URL
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connect } from '@nats-io/transport-node';

const [state, given] = process.argv.slice(2);
const source = given.includes('://') ? given : resolve(given);

// A private broker: where it listens and how to log in are files in the state folder. With NATS_URL you know both.
const read = (name) => JSON.parse(readFileSync(join(state, 'broker', name), 'utf8'));
const nats = await connect({ servers: read('server.json').url, ...read('credentials.json') });

const ask = async (verb, body) => {
  const answer = (await nats.request(`rr.api.local.${verb}`, JSON.stringify(body), { timeout: 30_000 })).json();
  if (answer.error) throw new Error(`${answer.error.message}; fix: ${answer.error.fix} [${answer.error.code}]`);
  return answer;
};

nats.subscribe('rr.view.local.*.run.run-1.step-ended', {
  callback: (_, message) => {
    const { step, ok, note } = message.json().payload;
    console.error(`${ok ? 'ok  ' : 'FAIL'} ${step}: ${note}`);
  },
});
const { run } = await ask('jobs.submit', { source });

let result = null;
while (!result) {
  await new Promise((wait) => setTimeout(wait, 250));
  ({ result } = await ask('runs.get', { run }));
}
console.log(JSON.stringify(result, null, 2));
await ask('runs.stop', { run });
await nats.close();
