import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Counts of attempts within a time, shared by all processes. A crash may forget them, so they need no log. */
export class RateLimits1790000000160 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create unlogged table rate_limits (
        key varchar(255) primary key,
        points integer not null default 0,
        expire bigint
      )`);
    await runner.query('create index rate_limits_expire_idx on rate_limits (expire)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table rate_limits');
  }
}
