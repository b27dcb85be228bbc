import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the join tokens that have been over for long enough to leave, without a look at every key. */
export class JoinTokenEnds1790000000510 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create index access_keys_join_end_idx on access_keys (expires_at) where kind = 'join'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index access_keys_join_end_idx');
  }
}
