import type { MigrationInterface, QueryRunner } from 'typeorm';

const KEY = 'organization_id, repository_id, agent_type, status';
const NONE = "'00000000-0000-0000-0000-000000000000'";

/** The counts of tasks by priority as well: how long the queue is must be known without a look at the queue. */
export class CountPriorities1790000000290 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('lock table tasks in share mode');
    await runner.query('truncate task_counts, task_count_changes');
    await runner.query('alter table task_counts add priority text not null, drop constraint task_counts_pkey');
    await runner.query(`alter table task_counts add constraint task_counts_pkey primary key (${KEY}, priority)`);
    await runner.query('alter table task_count_changes add priority text not null');
    await this.replaceTrigger(runner, 'priority');
    await this.recount(runner, 'priority');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('lock table tasks in share mode');
    await runner.query('truncate task_counts, task_count_changes');
    await runner.query('alter table task_counts drop constraint task_counts_pkey, drop priority');
    await runner.query(`alter table task_counts add constraint task_counts_pkey primary key (${KEY})`);
    await runner.query('alter table task_count_changes drop priority');
    await this.replaceTrigger(runner);
    await this.recount(runner);
  }

  private async replaceTrigger(runner: QueryRunner, ...more: string[]): Promise<void> {
    const columns = [KEY, ...more].join(', ');
    const kinds = [`organization_id, coalesce(repository_id, ${NONE}), agent_type, status`, ...more].join(', ');
    const places = Array.from({ length: 4 + more.length }, (_, at) => String(at + 1)).join(', ');
    await runner.query(`
      create or replace function count_tasks() returns trigger language plpgsql as $$
      begin
        if tg_op = 'INSERT' then
          insert into task_count_changes (${columns}, change)
          select ${kinds}, count(*) from new_rows group by ${places};
        elsif tg_op = 'DELETE' then
          insert into task_count_changes (${columns}, change)
          select ${kinds}, -count(*) from old_rows group by ${places};
        else
          insert into task_count_changes (${columns}, change)
          select ${kinds}, sum(change)
          from (
            select ${columns}, 1 as change from new_rows
            union all
            select ${columns}, -1 from old_rows
          ) changes group by ${places} having sum(change) <> 0;
        end if;
        return null;
      end $$`);
  }

  private async recount(runner: QueryRunner, ...more: string[]): Promise<void> {
    const kinds = [`organization_id, coalesce(repository_id, ${NONE}), agent_type, status`, ...more].join(', ');
    const places = Array.from({ length: 4 + more.length }, (_, at) => String(at + 1)).join(', ');
    await runner.query(
      `insert into task_counts (${[KEY, ...more].join(', ')}, tasks)
       select ${kinds}, count(*) from tasks group by ${places}`,
    );
  }
}
