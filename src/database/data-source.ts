import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { DatabaseConfig } from '../config/database.config.js';
import { entities } from './entities.js';
import { migrations } from './migrations.js';

const IDLE_IN_TRANSACTION_MS = 10_000;

const base = (url: string): DataSourceOptions => ({
  type: 'postgres',
  url,
  // Given by hand because a bundler cannot follow TypeORM's own lookup of the driver.
  driver: pg,
  entities,
  migrations,
  migrationsTableName: 'migrations',
  applicationName: 'miyabi',
  logging: false,
});

/** A data source for requests: pooled, and with every timeout set, so that nothing can hang behind a lock. */
export const createRequestDataSource = (config: DatabaseConfig): DataSource =>
  new DataSource({
    ...base(config.url),
    extra: {
      max: config.pool_max,
      min: config.pool_min,
      connectionTimeoutMillis: config.acquire_timeout_ms,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      // What does not wait for an answer of the one before travels with it.
      pipeline: true,
      statement_timeout: config.statement_timeout_ms,
      lock_timeout: config.statement_timeout_ms,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      // On this side too: a black-holed socket never delivers the server's own timeout.
      query_timeout: config.statement_timeout_ms + 300,
    },
  } as DataSourceOptions);

/** A data source for migrations and the TypeORM command line: one connection, no statement timeout. */
export const createMigrationDataSource = (url: string): DataSource =>
  new DataSource({ ...base(url), extra: { max: 2 } } as DataSourceOptions);
