import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens of coordinators. */
export class CoordinatorTokens1790000000441 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table access_keys add coordinator_id uuid');
    await runner.query('create index access_keys_coordinator_id_idx on access_keys (coordinator_id)');
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(`
      alter table access_keys add constraint access_keys_kind_check
        check (kind in ('worker', 'coordinator', 'registration', 'api_key', 'join'))`);
    await runner.query(`
      alter table access_keys add constraint access_keys_coordinator_check
        check ((kind = 'coordinator') = (coordinator_id is not null))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from access_keys where kind = 'coordinator'`);
    await runner.query('alter table access_keys drop constraint access_keys_coordinator_check');
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(
      `alter table access_keys add constraint access_keys_kind_check check (kind in ('worker', 'registration', 'api_key', 'join'))`,
    );
    await runner.query('alter table access_keys drop coordinator_id');
  }
}
