// Makes the migrated database that every test file clones. A process of its own, because a database with an open
// connection cannot be cloned, and an ended process has none.
// Environment: TEST_DATABASE_URL (the server), TEST_TEMPLATE (the name to make).
import pg from 'pg';

const url = new URL(process.env.TEST_DATABASE_URL);
const name = process.env.TEST_TEMPLATE;

const admin = new pg.Client({ connectionString: url.href });
await admin.connect();
await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
await admin.end();

url.pathname = `/${name}`;
process.env.DATABASE_URL = url.href;
const { default: dataSource } = await import('../../dist/ormconfig.js');
await dataSource.initialize();
await dataSource.runMigrations();
await dataSource.destroy();
