module.exports = {
  client: 'pg',
  connection: {
    host: process.env.DB_HOST || 'localhost',
    port: Number(process.env.DB_PORT || 5432),
    user: process.env.DB_USER || 'books',
    password: process.env.DB_PASSWORD || 'books',
    database: process.env.DB_NAME || 'library',
  },
};
