const app = require('express')();
app.get('/api/items', (req, res) => res.json([]));
app.listen(process.env.PORT || 5000);
