import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which task waits for which. */
export class TaskDependencies1790000000210 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table task_dependencies (
        task_id uuid not null references tasks on delete cascade,
        depends_on_id uuid not null references tasks on delete cascade,
        place integer not null,
        created_at timestamptz not null default now(),
        primary key (task_id, depends_on_id),
        constraint task_dependencies_self_check check (task_id <> depends_on_id)
      )`);
    await runner.query(
      'create index task_dependencies_depends_on_id_idx on task_dependencies (depends_on_id, task_id)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table task_dependencies');
  }
}
