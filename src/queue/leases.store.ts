import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { branchName } from './branch-name.js';
import type { Usage } from './usage.js';
import { noteSql, statusSql } from './worker-status.js';

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

/** An execution, and who says that it is theirs. */
export interface LeaseKey {
  execution_id: string;
  /** Null for an attempt begun by hand. */
  worker_id: string | null;
}

/** A worker that has something to say. */
export interface ContactCall {
  worker_id: string;
  /** Executions it speaks of. */
  named: readonly string[];
  /** Usage of its machine; null when it says nothing of it. */
  metrics: object | null;
  /** Whether it is a heartbeat, another word, or nothing: somebody looks for the worker. */
  contact: 'beat' | 'word' | 'none';
}

/** Part of every answer to a worker. */
export interface Signals {
  /** Executions it should end. */
  cancel: string[];
  /** Executions it named that are not its own any more. */
  lost: string[];
  desired_status: 'active' | 'paused' | 'draining' | 'stopped';
  /** Whether it should tell at once what is on its disk. */
  send_inventory: boolean;
}

/** What a worker gets to hear, and when that was. */
export interface Contact extends Signals {
  server_time: Date;
  /** What somebody noted about its status. */
  note: string | null;
}

/** How long a worker may still report a time-out by itself, with what its agent has done until then. */
const TIMEOUT_GRACE_SECONDS = 20;

/** How long a worker may take to commit, push and tell what an agent has done, once it has said that this is over. */
const HANDOVER = `interval '5 minutes'`;

const IS_OVERDUE = `greatest(deadline_at + make_interval(secs => $1), agent_ended_at + ${HANDOVER}) < now()`;

const ENDED = `
  select l.*, case when ${IS_OVERDUE} then 'timeout' else 'worker_lost' end as cause
  from leases l
  where ((expires_at < now() and not $2) or ${IS_OVERDUE})`;

const CONTACT = `
  with said as materialized (
    select * from jsonb_to_recordset($1::jsonb)
      as one (at integer, worker_id uuid, named uuid[], metrics jsonb, contact text)
    limit $2
  ), caller as materialized (
    select worker_id, bool_or(contact = 'beat') as beats,
           (array_agg(metrics order by at desc) filter (where metrics is not null))[1] as metrics
    from said where contact <> 'none' group by worker_id
    limit $2
  ), due as materialized (
    select live.worker_id, caller.metrics from caller join worker_liveness live on live.worker_id = caller.worker_id
    where caller.beats or live.last_heartbeat is null or live.last_heartbeat < now() - interval '1 second'
    order by live.worker_id for no key update of live
  ), seen as (
    update worker_liveness l set last_heartbeat = now(), metrics = coalesce(due.metrics, l.metrics)
    from due where l.worker_id = due.worker_id
  )
  select said.at, ${statusSql('w', 'l')} as desired_status, ${noteSql('w', 'l')} as note, now() as server_time,
         l.inventory_asked as send_inventory,
         array(select execution_id from leases where worker_id = w.id and cancel_requested_at is not null) as cancel,
         array(
           select id from unnest(said.named) as named (id)
           where not exists (select from leases where execution_id = named.id and worker_id = w.id)
         ) as lost
  from said join workers w on w.id = said.worker_id join worker_liveness l on l.worker_id = w.id`;

/**
 * Leases. The order of locks, which everybody keeps: the worker's row in `worker_liveness`, queue row, lease, task.
 */
@Injectable()
export class LeasesStore {
  constructor(private readonly database: Database) {}

  /**
   * Locks leases until the transaction ends, behind the rows of their workers; in the order asked for, null for one that
   * has ended or is another worker's.
   */
  async lockAll(wanted: readonly LeaseKey[]): Promise<(LeaseRow | null)[]> {
    const leases = await this.database.query<LeaseRow>(
      `with said as materialized (
         select * from jsonb_to_recordset($1::jsonb) as one (execution_id uuid, worker_id uuid) limit $2
       ), live as materialized (
         select worker_id from worker_liveness where worker_id in (select worker_id from said) order by worker_id for update
       )
       select l.* from said join live on live.worker_id = said.worker_id
       join leases l on l.execution_id = said.execution_id and l.worker_id = said.worker_id
       order by l.execution_id for update of l`,
      [JSON.stringify(wanted), wanted.length],
    );
    const byId = new Map(leases.map((lease) => [lease.execution_id, lease]));
    return wanted.map(({ execution_id }) => byId.get(execution_id) ?? null);
  }

  /** Locks the row that everything which changes how much a worker runs begins with. */
  async lockWorker(workerId: string): Promise<void> {
    await this.database.query('select 1 from worker_liveness where worker_id = $1 for update', [workerId]);
  }

  /** Notes that work was taken from a worker that kept silent, behind the lock of its row. */
  async noteLoss(workerId: string): Promise<void> {
    await this.database.query('update worker_liveness set lost_at = now() where worker_id = $1', [workerId]);
  }

  /** Has every answer to the worker ask for its inventory; locks its row. */
  async askForInventory(workerId: string): Promise<void> {
    await this.database.query('update worker_liveness set inventory_asked = true where worker_id = $1', [workerId]);
  }

  /** Ends that, before what it wishes is looked up. */
  async noteInventory(workerId: string): Promise<void> {
    await this.database.query(
      'update worker_liveness set inventory_asked = false where worker_id = $1 and inventory_asked',
      [workerId],
    );
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

  /** Ends leases: with their rows gone, their workers have room again. */
  async endAll(executionIds: readonly string[]): Promise<void> {
    await this.database.query('delete from leases where execution_id = any ($1::uuid[])', [executionIds]);
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

  /**
   * What is to be said to workers, in their order, and that they were there. A beat is always written down; other words
   * only when the last contact was more than a second ago, for a busy worker says very many.
   */
  async contactAll(calls: readonly ContactCall[]): Promise<Contact[]> {
    const rows = await this.database.prepared<Contact & { at: number }>(CONTACT, [
      JSON.stringify(calls.map((call, at) => ({ ...call, at }))),
      calls.length,
    ]);
    const found = new Map(rows.map(({ at, ...contact }) => [at, contact]));
    return calls.map(
      ({ named }, at) =>
        found.get(at) ?? {
          desired_status: 'stopped',
          send_inventory: false,
          cancel: [],
          lost: [...named],
          server_time: new Date(),
          note: null,
        },
    );
  }

  /** Whether the execution still runs under its lease. */
  async isCurrent(executionId: string): Promise<boolean> {
    return (await this.database.one('select 1 from leases where execution_id = $1', [executionId])) !== null;
  }
}
