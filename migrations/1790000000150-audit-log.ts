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
    // In an index whose first column is null, PostgreSQL does not see the order of the others.
    await runner.query(
      'create index audit_entries_instance_idx on audit_entries (created_at desc, id desc) where organization_id is null',
    );
    await runner.query(`
      create index audit_entries_actor_id_idx
        on audit_entries (organization_id, (actor ->> 'id'), created_at desc, id desc)`);
    await runner.query(`
      create index audit_entries_actor_login_idx
        on audit_entries (organization_id, lower(actor ->> 'login'), created_at desc, id desc)`);
    await runner.query(
      'create index audit_entries_action_idx on audit_entries (organization_id, action, created_at desc, id desc)',
    );
    // Entries are few and are put in their place at once: a list of pending ones would be read with every question.
    await runner.query(
      'create index audit_entries_subject_idx on audit_entries using gin (subject) with (fastupdate = off)',
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
