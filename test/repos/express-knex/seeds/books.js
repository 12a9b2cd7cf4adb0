exports.seed = (knex) => knex('books').insert([{ title: 'On Tables' }, { title: 'On Rows' }]);
