const amqp = require('amqplib');
const express = require('express');

const app = express();

async function main() {
  const connection = await amqp.connect(process.env.AMQP_URL);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('orders', { durable: true });
  const echoes = await channel.assertQueue('', { exclusive: true });
  const waiting = [];
  await channel.consume(echoes.queue, (message) => waiting.shift()?.(message.content.toString()), { noAck: true });

  app.get('/', async (_request, response) => {
    channel.sendToQueue('orders', Buffer.from(`order of ${new Date().toISOString()}`), { persistent: true });
    channel.sendToQueue(echoes.queue, Buffer.from('hello over amqp'));
    const heard = new Promise((resolve) => waiting.push(resolve));
    await channel.waitForConfirms();
    const { messageCount } = await channel.checkQueue('orders');
    response.send(
      `<!doctype html><title>queue</title><h1>queue</h1><p>heard: ${await heard}</p><p>orders: ${messageCount}</p>`,
    );
  });
  app.listen(process.env.PORT || 3000, () => console.log('listening'));
}
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
