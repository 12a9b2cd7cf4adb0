const { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const express = require('express');

const Bucket = process.env.S3_BUCKET;
const client = new S3Client({
  endpoint: process.env.S3_ENDPOINT,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: process.env.S3_ACCESS_KEY, secretAccessKey: process.env.S3_SECRET_KEY },
});
const app = express();

app.get('/', async (_request, response, next) => {
  try {
    const Key = `visits/${Date.now()}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'hello over s3', ContentType: 'text/plain' }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'visits/' }));
    response.send(
      `<!doctype html><title>objects</title><h1>objects</h1><p>read: ${await Body.transformToString()}</p>` +
        `<p>by its URL: ${await (await fetch(url)).text()}</p><p>in ${Bucket}: ${KeyCount}</p>`,
    );
  } catch (error) {
    next(error);
  }
});
app.listen(process.env.PORT || 3000, () => console.log('listening'));
