import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the mirror of a repository is to be fetched next without anybody's asking. */
export class MirrorRefresh1790000000461 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories add refresh_at timestamptz not null default now()');
    await runner.query('create index repositories_refresh_idx on repositories (refresh_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop refresh_at');
  }
}
