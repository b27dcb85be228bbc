import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens with which machines join: they expire, register so many workers, and give these their labels. */
export class JoinTokens1790000000430 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table access_keys add uses_left integer, add labels text[]');
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(
      `alter table access_keys add constraint access_keys_kind_check check (kind in ('worker', 'registration', 'api_key', 'join'))`,
    );
    await runner.query(`
      alter table access_keys add constraint access_keys_join_check
        check (case when kind = 'join' then organization_id is not null and prefix is not null
          and expires_at is not null and uses_left >= 0 and labels is not null else uses_left is null end)`);
    await runner.query(`
      create index access_keys_join_idx on access_keys (organization_id, created_at desc, id desc)
        where kind = 'join'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from access_keys where kind = 'join'`);
    await runner.query('drop index access_keys_join_idx');
    await runner.query('alter table access_keys drop constraint access_keys_join_check');
    await runner.query('alter table access_keys drop constraint access_keys_kind_check');
    await runner.query(
      `alter table access_keys add constraint access_keys_kind_check check (kind in ('worker', 'registration', 'api_key'))`,
    );
    await runner.query('alter table access_keys drop labels, drop uses_left');
  }
}
