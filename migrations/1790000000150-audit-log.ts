import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who did what, when and from where. Entries outlive what they tell of, so nothing is referenced, and the table takes
 * additions alone.
 */
export class AuditLog1790000000150 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table audit_entries (
        id uuid primary key,
        organization_id uuid,
        actor jsonb not null,
        action text not null,
        subject jsonb not null,
        data jsonb not null,
        ip text,
        user_agent text,
        request_id text,
        created_at timestamptz not null default now()
      )`);
    await runner.query(
      'create index audit_entries_organization_idx on audit_entries (organization_id, created_at desc, id desc)',
    );
    await runner.query(`
      create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception '% takes additions alone', tg_table_name using errcode = 'insufficient_privilege';
      end $$`);
    await runner.query(`
      create trigger audit_entries_append_only before update or delete or truncate on audit_entries
      for each statement execute function refuse_change()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table audit_entries');
    await runner.query('drop function refuse_change()');
  }
}
