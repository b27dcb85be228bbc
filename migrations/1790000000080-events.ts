import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Facts: written to the outbox with the change they tell of, then given their place by the sequencer. */
export class Events1790000000080 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table event_outbox (
        id bigint generated always as identity primary key,
        organization_id uuid not null,
        type text not null,
        actor jsonb not null,
        subject jsonb not null,
        data jsonb not null default '{}',
        created_at timestamptz not null default now()
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    await runner.query(`
      create table events (
        position bigint generated always as identity primary key,
        organization_id uuid not null,
        type text not null,
        actor jsonb not null,
        subject jsonb not null,
        data jsonb not null,
        created_at timestamptz not null
      )`);
    await runner.query('create index events_page_idx on events (organization_id, position)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table events');
    await runner.query('drop table event_outbox');
  }
}
