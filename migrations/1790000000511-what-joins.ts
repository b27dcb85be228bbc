import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A join token lets in workers, or hosts that run several: coordinators. */
export class WhatJoins1790000000511 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table access_keys add joins text');
    await runner.query(`update access_keys set joins = 'worker' where kind = 'join'`);
    await runner.query(`
      alter table access_keys add constraint access_keys_joins_check
        check (case when kind = 'join' then joins is not null and joins in ('worker', 'coordinator') else joins is null end)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from access_keys where joins = 'coordinator'`);
    await runner.query('alter table access_keys drop joins');
  }
}
