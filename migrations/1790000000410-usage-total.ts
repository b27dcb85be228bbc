import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What several attempts used together. */
export class UsageTotal1790000000410 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create aggregate usage_total(jsonb) (sfunc = usage_sum, stype = jsonb)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop aggregate usage_total(jsonb)');
  }
}
