import express from 'express';

const app = express();
app.get('/api', (req, res) => res.send({ message: 'hello' }));
app.listen(process.env.PORT || 3333);
