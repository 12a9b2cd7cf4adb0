exports.up = (knex) =>
  knex.schema.createTable('books', (table) => {
    table.increments();
    table.string('title').notNullable();
  });
exports.down = (knex) => knex.schema.dropTable('books');
