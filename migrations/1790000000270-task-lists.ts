import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For the events of one task, and for pending tasks in the order of the queue. */
export class TaskLists1790000000270 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create index events_task_idx on events ((subject->>'task_id'), position)`);
    await runner.query(`
      create index tasks_queue_page_idx on tasks (organization_id, priority, run_at, id) where status = 'pending'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index tasks_queue_page_idx, events_task_idx');
  }
}
