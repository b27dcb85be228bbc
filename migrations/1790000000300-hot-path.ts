import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What every attempt pays for and few ask for. Each foreign key is a look at another row, and a lock on it, for each row
 * that is written; that the organization of an execution is there, its task sees to, and a record may name a worker that
 * is gone. The end of an execution touches no indexed column any more, so that it writes one row and no index. Leases that
 * somebody wants to end are few; those of a busy worker that have ended are many.
 */
export class HotPath1790000000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table tasks drop constraint tasks_worker_id_fkey');
    await runner.query('drop index tasks_worker_id_idx');
    await runner.query('alter table agent_executions drop constraint agent_executions_worker_id_fkey');
    await runner.query('alter table agent_executions drop constraint agent_executions_organization_id_fkey');
    await runner.query('drop index agent_executions_logs_age_idx');
    await runner.query(
      'create index agent_executions_logs_age_idx on agent_executions (started_at) where logs_removed_at is null',
    );
    await runner.query('alter table agent_executions set (fillfactor = 75)');
    await runner.query('create index leases_cancel_idx on leases (worker_id) where cancel_requested_at is not null');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index leases_cancel_idx');
    await runner.query('alter table agent_executions reset (fillfactor)');
    await runner.query('drop index agent_executions_logs_age_idx');
    await runner.query(
      'create index agent_executions_logs_age_idx on agent_executions (finished_at) where logs_removed_at is null',
    );
    await runner.query(
      `alter table agent_executions add constraint agent_executions_organization_id_fkey
         foreign key (organization_id) references organizations (id) on delete cascade`,
    );
    await runner.query(
      `update agent_executions set worker_id = null
       where worker_id is not null and not exists (select from workers w where w.id = worker_id)`,
    );
    await runner.query(
      `alter table agent_executions add constraint agent_executions_worker_id_fkey
         foreign key (worker_id) references workers (id) on delete set null`,
    );
    await runner.query('create index tasks_worker_id_idx on tasks (worker_id)');
    await runner.query(
      `update tasks set worker_id = null
       where worker_id is not null and not exists (select from workers w where w.id = worker_id)`,
    );
    await runner.query(
      `alter table tasks add constraint tasks_worker_id_fkey
         foreign key (worker_id) references workers (id) on delete set null`,
    );
  }
}
