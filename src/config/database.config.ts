import { url, whole } from './readers.js';
import { Variable } from './variable.js';

/** PostgreSQL, the only required component. */
export class DatabaseConfig {
  @Variable({
    name: 'DATABASE_URL',
    about:
      'PostgreSQL 15 or later, as postgres://user:password@host:port/database. `npm run start:dev` brings its own.',
    read: url('postgres', 'postgresql'),
    secret: true,
  })
  readonly url!: string;

  @Variable({
    name: 'DATABASE_POOL_MAX',
    about: 'The most connections this process opens for requests.',
    read: whole(2, 1000),
    default: 100,
    development: 10,
  })
  readonly pool_max!: number;

  @Variable({
    name: 'DATABASE_POOL_MIN',
    about: 'Connections that are kept open while idle.',
    read: whole(0, 1000),
    default: 10,
    development: 0,
  })
  readonly pool_min!: number;

  @Variable({
    name: 'DATABASE_ACQUIRE_TIMEOUT_MS',
    about: 'How long a request waits for a connection before it is answered with 503.',
    read: whole(1, 60_000),
    default: 3000,
  })
  readonly acquire_timeout_ms!: number;

  @Variable({
    name: 'DATABASE_STATEMENT_TIMEOUT_MS',
    about: 'How long one statement may run before it is cancelled and answered with 503.',
    read: whole(1, 600_000),
    default: 4000,
  })
  readonly statement_timeout_ms!: number;

  faults(): readonly string[] {
    return this.pool_min > this.pool_max ? ['DATABASE_POOL_MIN must not be above DATABASE_POOL_MAX'] : [];
  }
}
