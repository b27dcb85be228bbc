import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Log entries do not go with their execution in one statement, which for millions of them would not end in time: whose
 * entries are to leave is noted, by a trigger, whoever removes the execution, and a duty removes them in steps.
 */
export class RemovedLogs1790000000310 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'create table removed_logs (execution_id uuid primary key, next_seq integer not null default 0)',
    );
    await runner.query('alter table execution_logs drop constraint execution_logs_execution_id_fkey');
    await runner.query(`
      create function note_removed_logs() returns trigger language plpgsql as $$
      begin
        insert into removed_logs (execution_id)
        select id from old_rows where logs_removed_at is null and (log_entries > 0 or status = 'running')
        on conflict do nothing;
        return null;
      end $$`);
    await runner.query(`
      create trigger agent_executions_removed_logs after delete on agent_executions referencing old table as old_rows
      for each statement execute function note_removed_logs()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop trigger agent_executions_removed_logs on agent_executions');
    await runner.query('drop function note_removed_logs()');
    await runner.query('delete from execution_logs where execution_id in (select execution_id from removed_logs)');
    await runner.query(`
      alter table execution_logs add constraint execution_logs_execution_id_fkey
        foreign key (execution_id) references agent_executions on delete cascade`);
    await runner.query('drop table removed_logs');
  }
}
