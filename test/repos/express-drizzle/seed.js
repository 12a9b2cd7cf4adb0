import { db } from './db.js';
import { books } from './schema.js';

await db.insert(books).values([{ title: 'On Tables' }, { title: 'On Rows' }]);
