import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import { DatabaseConfig } from '../config/database.config.js';
import { createRequestDataSource } from './data-source.js';
import { Database } from './database.js';

@Global()
@Module({
  providers: [
    {
      provide: DataSource,
      inject: [DatabaseConfig],
      useFactory: async (config: DatabaseConfig): Promise<DataSource> => {
        const dataSource = await createRequestDataSource(config).initialize();
        const pool = (dataSource.driver as unknown as { master: pg.Pool }).master;
        // An idle connection that breaks is replaced by the pool; unheard, this event would end the process.
        pool.on('error', (error) => new Logger('Database').warn(`an idle connection broke: ${error.message}`));
        return dataSource;
      },
    },
    Database,
  ],
  exports: [Database],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Runs last, when no request can need a connection any more. */
  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}
