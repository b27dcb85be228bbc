import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Invitations into organizations, by GitHub login. */
export class Invitations1790000000130 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table invitations (
        id uuid primary key,
        organization_id uuid not null references organizations on delete cascade,
        login text not null,
        role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
        status text not null default 'pending' check (status in ('pending', 'accepted', 'declined', 'revoked')),
        invited_by uuid references users on delete set null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        answered_at timestamptz
      )`);
    await runner.query(
      `create unique index invitations_pending_key on invitations (organization_id, lower(login)) where status = 'pending'`,
    );
    await runner.query(`create index invitations_login_idx on invitations (lower(login)) where status = 'pending'`);
    await runner.query('create index invitations_page_idx on invitations (organization_id, created_at, id)');
    await runner.query('create index invitations_invited_by_idx on invitations (invited_by)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table invitations');
  }
}
