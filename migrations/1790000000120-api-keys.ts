import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that people make for their programs. They speak for an organization and never outlive their maker's role. */
export class ApiKeys1790000000120 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(
      `alter table access_keys add constraint access_keys_kind_check check (kind in ('worker', 'registration', 'api_key'))`,
    );
    await runner.query('alter table access_keys add prefix text');
    await runner.query(`
      alter table access_keys add constraint access_keys_api_key_check
        check (kind <> 'api_key' or (organization_id is not null and prefix is not null))`);
    await runner.query('create index access_keys_created_by_idx on access_keys (created_by)');
    // The tokens of workers are many more, and are never listed.
    await runner.query(`
      create index access_keys_api_key_idx on access_keys (organization_id, created_at desc, id desc)
        where kind = 'api_key'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from access_keys where kind = 'api_key'`);
    await runner.query('drop index access_keys_api_key_idx');
    await runner.query('drop index access_keys_created_by_idx');
    await runner.query('alter table access_keys drop constraint access_keys_api_key_check');
    await runner.query('alter table access_keys drop prefix');
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(
      `alter table access_keys add constraint access_keys_kind_check check (kind in ('worker', 'registration'))`,
    );
  }
}
