import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People, their organizations and sessions, and the keys of programs. */
export class Identity1790000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table users (
        id uuid primary key,
        github_id bigint not null unique,
        login text not null,
        email text,
        name text,
        avatar_url text,
        github_login_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    await runner.query(`
      create table organizations (
        id uuid primary key,
        name text not null,
        personal_for uuid unique references users,
        created_at timestamptz not null default now()
      )`);
    await runner.query(`
      create table organization_members (
        organization_id uuid not null references organizations on delete cascade,
        user_id uuid not null references users on delete cascade,
        role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
        created_at timestamptz not null default now(),
        primary key (organization_id, user_id)
      )`);
    await runner.query('create index organization_members_user_id_idx on organization_members (user_id)');
    await runner.query(`
      create table sessions (
        id uuid primary key,
        user_id uuid not null references users on delete cascade,
        organization_id uuid not null references organizations on delete cascade,
        origin text not null check (origin in ('mock', 'github')),
        user_agent text,
        ip text,
        created_at timestamptz not null default now(),
        last_used_at timestamptz not null default now(),
        expires_at timestamptz not null,
        revoked_at timestamptz
      )`);
    await runner.query('create index sessions_user_id_idx on sessions (user_id)');
    await runner.query('create index sessions_organization_id_idx on sessions (organization_id)');
    await runner.query(`
      create table refresh_tokens (
        id uuid primary key,
        session_id uuid not null references sessions on delete cascade,
        token_hash bytea not null unique,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        used_at timestamptz
      )`);
    await runner.query('create index refresh_tokens_session_id_idx on refresh_tokens (session_id)');
    // No foreign key to workers: a token outlives its worker's row as the trace of what it did.
    await runner.query(`
      create table access_keys (
        id uuid primary key,
        organization_id uuid references organizations on delete cascade,
        kind text not null check (kind in ('worker', 'registration')),
        worker_id uuid,
        name text not null,
        permissions text[] not null,
        secret_hash bytea not null unique,
        created_by uuid references users on delete set null,
        created_at timestamptz not null default now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        constraint access_keys_worker_check check ((kind = 'worker') = (worker_id is not null))
      )`);
    await runner.query('create index access_keys_organization_id_idx on access_keys (organization_id)');
    await runner.query('create index access_keys_worker_id_idx on access_keys (worker_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table access_keys, refresh_tokens, sessions, organization_members, organizations, users');
  }
}
