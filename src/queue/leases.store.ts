import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { branchName } from './branch-name.js';
import type { Usage } from './usage.js';

export interface LeaseRow {
  execution_id: string;
  task_id: string;
  /** Null for an attempt begun by hand. */
  worker_id: string | null;
  /** `Infinity` for an attempt begun by hand: nobody renews it, and no silence ends it. */
  expires_at: Date | number;
  deadline_at: Date;
  cancel_requested_at: Date | null;
  log_entries: number;
  progress: number | null;
  progress_message: string | null;
  usage: Usage | null;
  session_id: string | null;
  /** `policy` when the budget of its task is used up; null when somebody wished for the end, or nobody. */
  cancel_reason: string | null;
}

/** A lease whose time is over, and why. */
export interface EndedLease extends LeaseRow {
  cause: 'worker_lost' | 'timeout';
}

/** Part of every answer to a worker. */
export interface Signals {
  /** Executions it should end. */
  cancel: string[];
  /** Executions it named that are not its own any more. */
  lost: string[];
  desired_status: 'active' | 'paused' | 'draining' | 'stopped';
}

/** What a worker gets to hear, and when that was. */
export interface Contact extends Signals {
  server_time: Date;
  /** What somebody noted about its status. */
  note: string | null;
}

/** How long a worker may still report a time-out by itself, with what its agent has done until then. */
const TIMEOUT_GRACE_SECONDS = 20;

const ENDED = `
  select l.*, case when deadline_at < now() - make_interval(secs => $1) then 'timeout' else 'worker_lost' end as cause
  from leases l
  where ((expires_at < now() and not $2) or deadline_at < now() - make_interval(secs => $1))`;

/**
 * Leases. The order of locks, which everybody keeps: the worker's row in `worker_liveness`, queue row, lease, task.
 */
@Injectable()
export class LeasesStore {
  constructor(private readonly database: Database) {}

  /** Locks the lease of an execution until the transaction ends; null when it has ended or is another worker's. */
  lock(executionId: string, workerId: string): Promise<LeaseRow | null> {
    return this.database.one<LeaseRow>(
      `with live as materialized (select worker_id from worker_liveness where worker_id = $2 for update)
       select l.* from leases l join live on live.worker_id = l.worker_id where l.execution_id = $1 for update of l`,
      [executionId, workerId],
    );
  }

  /** Locks the row that everything which changes how much a worker runs begins with. */
  async lockWorker(workerId: string): Promise<void> {
    await this.database.query('select 1 from worker_liveness where worker_id = $1 for update', [workerId]);
  }

  /** Locks the lease of a task that runs. */
  lockByTask(taskId: string): Promise<LeaseRow | null> {
    return this.database.one<LeaseRow>('select * from leases where task_id = $1 for update', [taskId]);
  }

  /** Locks all leases of a worker, in the order of their ids so that two callers cannot deadlock. */
  lockByWorker(workerId: string): Promise<LeaseRow[]> {
    return this.database.query<LeaseRow>('select * from leases where worker_id = $1 order by execution_id for update', [
      workerId,
    ]);
  }

  /** Leases whose worker was silent for too long (unless `graceful`) or whose time limit is long over. */
  findEnded(graceful: boolean, limit: number): Promise<EndedLease[]> {
    return this.database.query<EndedLease>(`${ENDED} limit $3`, [TIMEOUT_GRACE_SECONDS, graceful, limit]);
  }

  /** One of them, locked behind its worker's row; null when it is not so any more, or somebody else is at it. */
  lockEnded(lease: LeaseRow, graceful: boolean): Promise<EndedLease | null> {
    return this.database.one<EndedLease>(
      `with live as materialized (
         select worker_id from worker_liveness where worker_id = $3 for update skip locked
       )
       ${ENDED} and l.execution_id = $4 and ($3::uuid is null or exists (select from live))
       for update of l skip locked`,
      [TIMEOUT_GRACE_SECONDS, graceful, lease.worker_id, lease.execution_id],
    );
  }

  /** Ends a lease: its row goes, and the worker has room again. A count gone wrong must not keep a task for ever. */
  async end(lease: LeaseRow, outcome: string): Promise<void> {
    await this.database.query('delete from leases where execution_id = $1', [lease.execution_id]);
    await this.database.query(
      `update worker_liveness set running = greatest(running - 1, 0), last_work_at = now(),
         completed = completed + ($2 = 'completed')::integer, failed = failed + ($2 = 'failed')::integer
       where worker_id = $1`,
      [lease.worker_id, outcome],
    );
  }

  /** Execution and time limit of a task that has been begun by hand; no heartbeat renews it and no silence ends it. */
  async insertUnattended(taskId: string): Promise<void> {
    await this.database.query(
      `with task as (
         select * from tasks where id = $1
       ), execution as (
         insert into agent_executions (id, organization_id, task_id, repository_id, attempt, agent_type, status, branch)
         select current_execution_id, organization_id, id, repository_id, attempts, agent_type, 'running',
                ${branchName('task')}
         from task
       )
       insert into leases (execution_id, task_id, expires_at, deadline_at)
       select current_execution_id, id, 'infinity', now() + make_interval(secs => timeout_seconds) from task`,
      [taskId],
    );
  }

  async requestCancel(executionId: string): Promise<void> {
    await this.database.query(
      'update leases set cancel_requested_at = coalesce(cancel_requested_at, now()) where execution_id = $1',
      [executionId],
    );
  }

  /** What is to be said to a worker, and that it was there, with the usage of its machine if it says so. */
  async contact(workerId: string, named: readonly string[], metrics: object | null): Promise<Contact> {
    const row = await this.database.one<Contact>(
      `with seen as (
         update worker_liveness set last_heartbeat = now(), metrics = coalesce($3, metrics) where worker_id = $1
       )
       select w.status as desired_status, w.note, now() as server_time,
              array(select execution_id from leases where worker_id = $1 and cancel_requested_at is not null) as cancel,
              array(
                select id from unnest($2::uuid[]) as named (id)
                where not exists (select from leases where execution_id = named.id and worker_id = $1)
              ) as lost
       from workers w where w.id = $1`,
      [workerId, named, metrics],
    );
    return row ?? { desired_status: 'stopped', cancel: [], lost: [...named], server_time: new Date(), note: null };
  }

  /** Whether the execution still runs under its lease. */
  async isCurrent(executionId: string): Promise<boolean> {
    return (await this.database.one('select 1 from leases where execution_id = $1', [executionId])) !== null;
  }
}
