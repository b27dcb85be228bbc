import { createMigrationDataSource } from './data-source.js';

/** Any number that no other advisory lock of this application uses. */
const MIGRATION_LOCK = 7_215_001;

/** Brings the schema up to date; several processes that start together wait for each other. Gives the names run. */
export async function migrate(url: string): Promise<readonly string[]> {
  const dataSource = await createMigrationDataSource(url).initialize();
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const done = await dataSource.runMigrations({ transaction: 'each' });
    return done.map((migration) => migration.name);
  } finally {
    // Ending the session ends the lock, whatever happened.
    await lock.release();
    await dataSource.destroy();
  }
}
