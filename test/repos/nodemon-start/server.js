const app = require('express')();
const { PORT = 3700 } = process.env;
app.listen(PORT);
