import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A session ends some day, however often it is refreshed. */
export class SessionEnd1790000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table sessions add ends_at timestamptz');
    await runner.query(`update sessions set ends_at = greatest(expires_at, created_at + interval '30 days')`);
    await runner.query('alter table sessions alter ends_at set not null');
    await runner.query('create index sessions_expires_at_idx on sessions (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index sessions_expires_at_idx');
    await runner.query('alter table sessions drop ends_at');
  }
}
