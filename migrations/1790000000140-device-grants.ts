import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Devices without a browser that wait for somebody's approval (RFC 8628). */
export class DeviceGrants1790000000140 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table device_grants (
        id uuid primary key,
        device_code_hash bytea not null unique,
        user_code_hash bytea not null unique,
        client_name text not null,
        ip text,
        user_agent text,
        status text not null default 'pending' check (status in ('pending', 'approved', 'denied', 'used')),
        user_id uuid references users on delete cascade,
        organization_id uuid references organizations on delete cascade,
        session_id uuid references sessions on delete cascade,
        interval_seconds integer not null,
        last_polled_at timestamptz,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        constraint device_grants_approved_check check (
          status <> 'approved' or (user_id is not null and organization_id is not null and session_id is not null))
      )`);
    await runner.query('create index device_grants_expires_at_idx on device_grants (expires_at)');
    await runner.query('create index device_grants_user_id_idx on device_grants (user_id)');
    await runner.query('create index device_grants_session_id_idx on device_grants (session_id)');
    await runner.query('create index device_grants_organization_id_idx on device_grants (organization_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table device_grants');
  }
}
