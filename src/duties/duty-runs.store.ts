import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

@Injectable()
export class DutyRunsStore {
  constructor(private readonly database: Database) {}

  /** Whether this process may run the duty until the transaction under way ends. */
  async tryLock(name: string): Promise<boolean> {
    const row = await this.database.one<{ locked: boolean }>(
      `select pg_try_advisory_xact_lock(hashtextextended('duty:' || $1, 0)) as locked`,
      [name],
    );
    return row?.locked ?? false;
  }

  /** When each duty last succeeded, in whatever process, in seconds since 1970. */
  findSuccesses(): Promise<{ name: string; at: number }[]> {
    return this.database.query(
      `select name, extract(epoch from last_success_at)::float8 as at from duty_runs where last_success_at is not null`,
    );
  }

  async recordSuccess(name: string): Promise<void> {
    await this.database.query(
      `insert into duty_runs (name, last_run_at, last_success_at) values ($1, now(), now())
       on conflict (name) do update set last_run_at = now(), last_success_at = now(), last_error = null`,
      [name],
    );
  }

  async recordFailure(name: string, error: string): Promise<void> {
    await this.database.query(
      `insert into duty_runs (name, last_run_at, last_error) values ($1, now(), $2)
       on conflict (name) do update set last_run_at = now(), last_error = $2`,
      [name, error],
    );
  }

  /** True until `graceSeconds` after a gap of more than `gapSeconds` without a successful run. */
  async graceAfterGap(name: string, gapSeconds: number, graceSeconds: number): Promise<boolean> {
    const row = await this.database.one<{ grace: boolean }>(
      `insert into duty_runs (name, grace_until) values ($1, now() + make_interval(secs => $3))
       on conflict (name) do update set grace_until = case
         when coalesce(duty_runs.last_success_at, '-infinity') < now() - make_interval(secs => $2)
         then now() + make_interval(secs => $3) else duty_runs.grace_until end
       returning coalesce(grace_until > now(), false) as grace`,
      [name, gapSeconds, graceSeconds],
    );
    return row?.grace ?? true;
  }
}
