import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Until when an account of a launcher takes no requests, and which account each launcher of a worker has. */
export class ProviderLimits1790000000413 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers add launcher_accounts jsonb');
    await runner.query(`
      create table provider_limits (
        id uuid primary key,
        organization_id uuid not null references organizations on delete cascade,
        launcher text not null,
        account text not null,
        reason text not null check (reason in ('rate_limited', 'quota')),
        until timestamptz not null,
        reported_by uuid not null,
        reported_at timestamptz not null default now()
      )`);
    await runner.query(
      'create unique index provider_limits_account_key on provider_limits (organization_id, launcher, account)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table provider_limits');
    await runner.query('alter table workers drop launcher_accounts');
  }
}
