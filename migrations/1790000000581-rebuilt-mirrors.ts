import type { MigrationInterface, QueryRunner } from 'typeorm';

/** That a mirror was damaged once, and what that has cost, is known for longer than an event is. */
export class RebuiltMirrors1790000000581 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `alter table repositories add mirror_rebuilt_at timestamptz, add lost_branches text[] not null default '{}'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop mirror_rebuilt_at, drop lost_branches');
  }
}
