import { OneOf } from '../http/fields.js';

/** The database and this process's pool of connections to it. */
export class DatabaseHealthDto {
  /**
   * Whether PostgreSQL answers.
   * @example connected
   */
  @OneOf(['connected', 'unreachable'])
  status!: 'connected' | 'unreachable';

  /**
   * Connections of the pool that serve a request now.
   * @example 1
   */
  active_connections!: number;

  /**
   * Connections of the pool that are open and free.
   * @example 4
   */
  idle_connections!: number;

  /**
   * The most connections the pool opens.
   * @example 100
   */
  max_connections!: number;

  /**
   * Requests that wait for a connection.
   * @example 0
   */
  waiting!: number;

  /**
   * Milliseconds the database took to answer a question; null when it did not answer.
   * @example 1.2
   */
  latency_ms!: number | null;
}

/** The state of this process. */
export class HealthDto {
  /**
   * `ok`; `degraded` when requests wait for a connection; `down` when the database is out of reach.
   * @example ok
   */
  @OneOf(['ok', 'degraded', 'down'])
  status!: 'ok' | 'degraded' | 'down';

  /**
   * Version of the server.
   * @example 0.1.0
   */
  version!: string;

  /**
   * Seconds since this process was started.
   * @example 3600
   */
  uptime_seconds!: number;

  /** The database as this process sees it. */
  database!: DatabaseHealthDto;
}

/** A yes or no for probes of the platform. */
export class ProbeDto {
  /**
   * `ok`, or why not.
   * @example ok
   */
  @OneOf(['ok', 'stopping', 'down'])
  status!: 'ok' | 'stopping' | 'down';
}
