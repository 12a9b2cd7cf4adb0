const { createClient } = require('redis');

const redis = createClient({ url: process.env.REDIS_URL });
redis.connect().then(() => setInterval(async () => console.log(`counted ${await redis.incr('counted')}`), 500));
