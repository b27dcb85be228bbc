import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When each duty last ran. */
export class Duties1790000000090 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table duty_runs (
        name text primary key,
        last_run_at timestamptz,
        last_success_at timestamptz,
        last_error text,
        grace_until timestamptz
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table duty_runs');
  }
}
