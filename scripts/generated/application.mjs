// The built application over a migrated database of its own, as the writers of generated files look at it.
import { randomBytes } from 'node:crypto';
import { withTemporaryDatabase } from '../checks/temporary-database.mjs';

/** @typedef {{ document: import('@nestjs/swagger').OpenAPIObject }} Application */

/** @returns {Promise<Application>} */
export async function describeApplication() {
  const [{ createApp }, { loadServerConfiguration }, { migrate }, { createDocument }] = await Promise.all([
    import('../../dist/src/app.js'),
    import('../../dist/src/config/config.module.js'),
    import('../../dist/src/database/migrate.js'),
    import('../../dist/src/http/openapi.js'),
  ]);
  return withTemporaryDatabase(async (url) => {
    await migrate(url);
    const app = await createApp(loadServerConfiguration(environmentFor(url)));
    const document = createDocument(app);
    await app.close();
    return { document };
  });
}

/** Nothing of the caller's own environment: the files must come out the same everywhere. */
function environmentFor(databaseUrl) {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    JWT_SECRET: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'error',
  };
}
