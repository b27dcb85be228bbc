import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

export interface NewLogEntry {
  level: string;
  stream: string;
  message: string;
  logged_at: string | null;
}

/** What is stored of the log of an execution, before a batch and after it. */
export interface StoredLog {
  stored_before: number;
  stored: number;
  task_id: string;
  organization_id: string;
}

/**
 * Log entries of an execution that runs. The lease says how many are stored: it is locked first, so that two batches
 * for one execution follow each other and a replayed one stores nothing twice.
 */
@Injectable()
export class LogAppendStore {
  constructor(private readonly database: Database) {}

  /**
   * Stores entries of which the first has the number `offset`; those already stored are passed over, and nothing is
   * stored when `offset` would leave a gap. Gives how many were stored before and are now, null without the lease.
   */
  append(
    executionId: string,
    workerId: string,
    offset: number,
    entries: readonly NewLogEntry[],
  ): Promise<StoredLog | null> {
    return this.database.one(
      `with lease as materialized (
         select execution_id, task_id, log_entries from leases where execution_id = $1 and worker_id = $2 for update
       ), fresh as (
         insert into execution_logs (execution_id, seq, level, stream, message, logged_at)
         select $1, $3::integer + at - 1, level, stream, message, coalesce(logged_at, now())
         from lease cross join rows from (
           jsonb_to_recordset($4::jsonb) as (level text, stream text, message text, logged_at timestamptz)
         ) with ordinality as entry (level, stream, message, logged_at, at)
         where $3::integer <= lease.log_entries and $3::integer + at - 1 >= lease.log_entries
       ), counted as (
         update leases l set log_entries = greatest(l.log_entries, $3::integer + $5::integer)
         from lease where l.execution_id = lease.execution_id and $3::integer <= lease.log_entries
       )
       select lease.log_entries as stored_before,
              case when $3::integer <= lease.log_entries then greatest(lease.log_entries, $3::integer + $5::integer)
                   else lease.log_entries end as stored,
              lease.task_id, e.organization_id
       from lease join agent_executions e on e.id = lease.execution_id`,
      [executionId, workerId, offset, JSON.stringify(entries), entries.length],
    );
  }
}
