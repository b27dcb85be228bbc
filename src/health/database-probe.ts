import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { DatabaseConfig } from '../config/database.config.js';

const CONNECT_TIMEOUT_MS = 1000;
const QUERY_TIMEOUT_MS = 1500;

/**
 * Asks the database whether it answers, over a connection of its own: an exhausted pool is not a database that is down.
 * Questions that arrive together share one.
 */
@Injectable()
export class DatabaseProbe implements OnApplicationShutdown {
  private readonly pool: pg.Pool;
  private asking: Promise<number | null> | null = null;

  constructor(config: DatabaseConfig) {
    this.pool = new pg.Pool({
      connectionString: config.url,
      application_name: 'miyabi-health',
      max: 1,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      statement_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    // The pool replaces a broken idle connection; the next question finds out what it means.
    this.pool.on('error', () => undefined);
  }

  /** Milliseconds the database took to answer, null when it did not within 1.8 seconds. */
  latency(): Promise<number | null> {
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  private async ask(): Promise<number | null> {
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), 1800);
    });
    try {
      return await Promise.race([late, this.pool.query('select 1').then(() => performance.now() - began)]);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}
