// Proves that the migrations run up, down and up again on an empty database, and that what they make is what the
// entities describe.
import { createMigrationDataSource } from '../../dist/src/database/data-source.js';
import { withTemporaryDatabase } from './temporary-database.mjs';

// What TypeORM and PostgreSQL keep in a database without any migration.
const OBJECTS = `
  select relname as name from pg_class
   where relnamespace = 'public'::regnamespace and oid not in (
     select 'migrations'::regclass union select indexrelid from pg_index where indrelid = 'migrations'::regclass
     union select objid from pg_depend where refobjid = 'migrations'::regclass and classid = 'pg_class'::regclass)
  union all select proname from pg_proc where pronamespace = 'public'::regnamespace
  union all select typname from pg_type where typnamespace = 'public'::regnamespace and typrelid = 0 and typelem = 0
  union all select extname from pg_extension where extname <> 'plpgsql'`;

await withTemporaryDatabase(async (url) => {
  const dataSource = await createMigrationDataSource(url).initialize();
  try {
    await upDownUp(dataSource);
    await compareWithEntities(dataSource);
  } finally {
    await dataSource.destroy();
  }
});

async function upDownUp(dataSource) {
  const { length } = await dataSource.runMigrations({ transaction: 'each' });
  for (let undone = 0; undone < length; undone += 1) await dataSource.undoLastMigration({ transaction: 'each' });
  const left = await dataSource.query(OBJECTS);
  report(
    'Left in the database after every migration was undone',
    left.map(({ name }) => name),
  );
  await dataSource.runMigrations({ transaction: 'each' });
}

/** What `typeorm migration:generate` would write. */
async function compareWithEntities(dataSource) {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  report(
    'The entities differ from the migrations; to match them the database would need',
    upQueries.map(({ query, parameters = [] }) => [query, ...parameters].join(' ')),
  );
}

function report(what, found) {
  if (found.length === 0) return;
  console.log(`${what}:\n${found.map((line) => `  ${line}`).join('\n')}`);
  process.exitCode = 1;
}
