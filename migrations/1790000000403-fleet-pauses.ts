import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nothing of an organization is begun while its row is there. Few rows at any time, so that each claim may look. */
export class FleetPauses1790000000403 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table fleet_pauses (
        organization_id uuid primary key references organizations on delete cascade,
        note text,
        paused_by jsonb not null,
        paused_at timestamptz not null default now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table fleet_pauses');
  }
}
