import { environment } from './src/config/environment.js';
import { createMigrationDataSource } from './src/database/data-source.js';

/** For the TypeORM command line: `typeorm migration:show -d dist/ormconfig.js`. */
export default createMigrationDataSource(environment['DATABASE_URL'] ?? 'postgres://127.0.0.1:5432/miyabi');
