import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sign-in through GitHub: what waits for its callback, the tokens it gave, and who administers the instance. */
export class GithubSignIn1790000000110 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table users add is_administrator boolean not null default false');
    await runner.query('create index users_login_idx on users (lower(login))');
    await runner.query(`
      create table oauth_states (
        state_hash bytea primary key,
        browser_hash bytea not null,
        sealed_verifier text not null,
        redirect text not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null
      )`);
    await runner.query('create index oauth_states_expires_at_idx on oauth_states (expires_at)');
    await runner.query(`
      create table github_tokens (
        user_id uuid primary key references users on delete cascade,
        sealed_token text not null,
        key_id text not null,
        scopes text[] not null,
        updated_at timestamptz not null default now()
      )`);
    await runner.query('create index github_tokens_key_id_idx on github_tokens (key_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table github_tokens, oauth_states');
    await runner.query('drop index users_login_idx');
    await runner.query('alter table users drop is_administrator');
  }
}
