import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a private repository is fetched with, sealed, and the key that has sealed it. */
export class RepositoryCredentials1790000000500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table repositories add sealed_credentials text, add credentials_key_id text,
        add constraint repositories_credentials_check check (num_nonnulls(sealed_credentials, credentials_key_id) <> 1)`);
    await runner.query(`
      create index repositories_credentials_idx on repositories (credentials_key_id, id)
      where credentials_key_id is not null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop sealed_credentials, drop credentials_key_id');
  }
}
