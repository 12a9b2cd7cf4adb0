export default {
  dialect: 'sqlite',
  schema: './schema.js',
  out: './drizzle',
  dbCredentials: { url: process.env.DATABASE_URL ?? 'file:data/shop.db' },
};
