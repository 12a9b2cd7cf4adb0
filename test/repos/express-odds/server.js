const express = require('express');
const memjs = require('memjs');
const nats = require('nats');
const nodemailer = require('nodemailer');

const { MEMCACHED_SERVERS, NATS_URL, SMTP_HOST, SMTP_PORT } = process.env;
const cache = memjs.Client.create(MEMCACHED_SERVERS, { retries: 0 });
const mailer = nodemailer.createTransport({ host: SMTP_HOST, port: Number(SMTP_PORT), secure: false });
const app = express();
let heard = 'nothing';

app.get('/', async (_request, response) => {
  const { value } = await cache.get('greeting');
  response.send(
    `<!doctype html><title>odds</title><h1>odds and ends</h1><p>cached: ${value}</p><p>heard: ${heard}</p>`,
  );
});

async function main() {
  await cache.set('greeting', 'good day', { expires: 600 });
  const bus = await nats.connect({ servers: NATS_URL });
  const subscription = bus.subscribe('greetings', { max: 1 });
  bus.publish('greetings', nats.StringCodec().encode('hello over nats'));
  for await (const message of subscription) heard = nats.StringCodec().decode(message.data);
  await mailer.sendMail({
    from: 'shop@example.com',
    to: 'someone@example.com',
    subject: 'It works',
    text: 'The mail is here.\n.\nAlso after a dot.',
  });
  app.listen(process.env.PORT || 3000, () => console.log('listening'));
}
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
