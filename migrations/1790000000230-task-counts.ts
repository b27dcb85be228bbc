import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many tasks there are of each status. Every write of tasks adds its differences as rows of their own, so that
 * nobody waits for a shared counter, and a duty folds them into the counts. A trigger does it, whoever writes.
 */
export class TaskCounts1790000000230 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // The zero id stands for tasks without a repository: a key column cannot be null.
    await runner.query(`
      create table task_counts (
        organization_id uuid not null,
        repository_id uuid not null,
        agent_type text not null,
        status text not null,
        tasks bigint not null,
        primary key (organization_id, repository_id, agent_type, status)
      )`);
    await runner.query(`
      create table task_count_changes (
        id bigint generated always as identity primary key,
        organization_id uuid not null,
        repository_id uuid not null,
        agent_type text not null,
        status text not null,
        change integer not null
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    await runner.query('create index task_count_changes_organization_id_idx on task_count_changes (organization_id)');
    await runner.query(`
      create function count_tasks() returns trigger language plpgsql as $$
      begin
        if tg_op = 'INSERT' then
          insert into task_count_changes (organization_id, repository_id, agent_type, status, change)
          select organization_id, coalesce(repository_id, '00000000-0000-0000-0000-000000000000'), agent_type, status,
                 count(*)
          from new_rows group by 1, 2, 3, 4;
        elsif tg_op = 'DELETE' then
          insert into task_count_changes (organization_id, repository_id, agent_type, status, change)
          select organization_id, coalesce(repository_id, '00000000-0000-0000-0000-000000000000'), agent_type, status,
                 -count(*)
          from old_rows group by 1, 2, 3, 4;
        else
          insert into task_count_changes (organization_id, repository_id, agent_type, status, change)
          select organization_id, coalesce(repository_id, '00000000-0000-0000-0000-000000000000'), agent_type, status,
                 sum(change)
          from (
            select organization_id, repository_id, agent_type, status, 1 as change from new_rows
            union all
            select organization_id, repository_id, agent_type, status, -1 from old_rows
          ) changes group by 1, 2, 3, 4 having sum(change) <> 0;
        end if;
        return null;
      end $$`);
    for (const [event, tables] of [
      ['insert', 'new table as new_rows'],
      ['update', 'old table as old_rows new table as new_rows'],
      ['delete', 'old table as old_rows'],
    ] as const) {
      await runner.query(`
        create trigger tasks_count_${event} after ${event} on tasks referencing ${tables}
        for each statement execute function count_tasks()`);
    }
    await runner.query(`
      insert into task_counts (organization_id, repository_id, agent_type, status, tasks)
      select organization_id, coalesce(repository_id, '00000000-0000-0000-0000-000000000000'), agent_type, status,
             count(*)
      from tasks group by 1, 2, 3, 4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const event of ['insert', 'update', 'delete'])
      await runner.query(`drop trigger tasks_count_${event} on tasks`);
    await runner.query('drop function count_tasks()');
    await runner.query('drop table task_count_changes, task_counts');
  }
}
