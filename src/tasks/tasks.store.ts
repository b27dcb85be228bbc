import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { violates } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import type { Task } from './task.entity.js';
import { UnknownRepository } from './task.errors.js';
import type { TaskStatus } from './task.states.js';

export interface NewTask {
  id: string;
  organization_id: string;
  actor: Actor;
  repository_id: string | null;
  name: string;
  description: string | null;
  status: TaskStatus;
  priority: string;
  agent_type: string;
  issue_number: number | null;
  required_labels: readonly string[];
  concurrency_key: string | null;
  base_ref: string | null;
  use_worktree: boolean;
  auto_pr: boolean;
  max_cost_usd: number | null;
  max_tokens: number | null;
  run_at: string | null;
  max_retries: number;
  timeout_seconds: number;
  metadata: Record<string, unknown>;
  lane_id: number;
}

/** Fields of a task that may change by wish; absent ones stay. */
export type TaskChanges = Partial<
  Pick<
    Task,
    'name' | 'description' | 'priority' | 'metadata' | 'max_retries' | 'timeout_seconds' | 'required_labels'
  > & {
    run_at: string;
    lane_id: number;
  }
>;

/** Columns that PATCH may write, for the statement to be made of. */
const CHANGEABLE = [
  'name',
  'description',
  'priority',
  'metadata',
  'max_retries',
  'timeout_seconds',
  'required_labels',
  'run_at',
  'lane_id',
] as const;

@Injectable()
export class TasksStore {
  constructor(private readonly database: Database) {}

  /** Adds tasks; gives them in their order. */
  async insertAll(tasks: readonly NewTask[]): Promise<Task[]> {
    let rows: Task[];
    try {
      rows = await this.database.query<Task>(
        `insert into tasks (id, organization_id, actor, repository_id, name, description, status, priority, agent_type,
         issue_number, required_labels, concurrency_key, base_ref, use_worktree, auto_pr, max_cost_usd, max_tokens, run_at,
         max_retries, timeout_seconds, metadata, lane_id)
       select id, organization_id, actor, repository_id, name, description, status, priority, agent_type, issue_number,
         required_labels, concurrency_key, base_ref, use_worktree, auto_pr, max_cost_usd, max_tokens,
         coalesce(run_at, now()), max_retries, timeout_seconds, metadata, lane_id
       from jsonb_to_recordset($1::jsonb) as task (id uuid, organization_id uuid, actor jsonb, repository_id uuid, name text,
         description text, status text, priority text, agent_type text, issue_number integer, required_labels text[],
         concurrency_key text, base_ref text, use_worktree boolean, auto_pr boolean, max_cost_usd numeric,
         max_tokens bigint, run_at timestamptz, max_retries integer, timeout_seconds integer, metadata jsonb,
         lane_id integer)
       returning *`,
        [JSON.stringify(tasks)],
      );
    } catch (error) {
      // Deleted since it was looked up.
      if (violates(error, 'tasks_repository_id_fkey')) throw new UnknownRepository();
      throw error;
    }
    const byId = new Map(rows.map((row) => [row.id, row]));
    return tasks.map(({ id }) => {
      const row = byId.get(id);
      if (row === undefined) throw new Error('an inserted task came back empty');
      return row;
    });
  }

  findOne(organizationId: string, id: string): Promise<Task | null> {
    return this.database.one<Task>('select * from tasks where organization_id = $1 and id = $2', [organizationId, id]);
  }

  findByIds(ids: readonly string[]): Promise<Task[]> {
    return this.database.query<Task>('select * from tasks where id = any ($1::uuid[])', [ids]);
  }

  async update(id: string, changes: TaskChanges): Promise<Task> {
    const columns = CHANGEABLE.filter((column) => changes[column] !== undefined);
    const sets = columns.map((column, at) => `${column} = $${String(at + 2)}`);
    return this.changed(
      `update tasks set ${[...sets, 'version = version + 1', 'updated_at = now()'].join(', ')} where id = $1 returning *`,
      [id, ...columns.map((column) => changes[column])],
    );
  }

  /** Tasks that ended long ago and that no unfinished one waits for, the oldest first. */
  async findAged(days: number, limit: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select t.id from tasks t where t.completed_at < now() - make_interval(days => $1)
         and not exists (
           select from task_dependencies d join tasks w on w.id = d.task_id
           where d.depends_on_id = t.id and w.status in ('blocked', 'pending', 'running'))
       order by t.completed_at limit $2`,
      [days, limit],
    );
    return rows.map(({ id }) => id);
  }

  async removeFinished(ids: readonly string[]): Promise<void> {
    await this.database.query('delete from tasks where id = any ($1::uuid[]) and completed_at is not null', [ids]);
  }

  async remove(id: string): Promise<void> {
    await this.database.query('delete from tasks where id = $1', [id]);
  }

  async isAnyRunning(organizationId: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from tasks where organization_id = $1 and status = 'running' limit 1`,
      [organizationId],
    );
    return row !== null;
  }

  /** Removes tasks of an organization with their executions; gives how many. Logs leave by themselves. */
  removeSome(organizationId: string, limit: number): Promise<number> {
    return this.database.count(
      'delete from tasks where id in (select id from tasks where organization_id = $1 limit $2)',
      [organizationId, limit],
    );
  }

  /** Forgets how many tasks an organization had. */
  async removeCounts(organizationId: string): Promise<void> {
    await this.database.query('delete from task_counts where organization_id = $1', [organizationId]);
    await this.database.query('delete from task_count_changes where organization_id = $1', [organizationId]);
  }

  private async changed(sql: string, parameters: readonly unknown[]): Promise<Task> {
    const row = await this.database.one<Task>(sql, parameters);
    if (row === null) throw new Error('a locked task was not there to be changed');
    return row;
  }
}
