import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For tasks of one issue, repositories that wait for their mirror, and lanes of one turn: few among many. */
export class Lookups1790000000280 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index tasks_issue_page_idx on tasks (organization_id, issue_number, created_at, id)
        where issue_number is not null`);
    await runner.query(`create index repositories_syncing_idx on repositories (created_at) where status = 'syncing'`);
    // A turn is looked for among the lanes when it is deleted with its organization.
    await runner.query('create index queue_lanes_turn_id_idx on queue_lanes (turn_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index queue_lanes_turn_id_idx, repositories_syncing_idx, tasks_issue_page_idx');
  }
}
