import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { RemovedLog } from './removed-log.entity.js';

/** Old records, and their leaving in steps that hold few locks and hold them shortly. */
@Injectable()
export class RetentionStore {
  constructor(private readonly database: Database) {}

  /**
   * Lets the logs leave of executions that ended long ago, those that began first. Gives how many there were. One that
   * runs has begun a day ago at most.
   */
  removeAgedLogs(days: number, limit: number): Promise<number> {
    return this.database.count(
      `with aged as (
         select id, log_entries from agent_executions
         where logs_removed_at is null and started_at < now() - make_interval(days => $1)
           and finished_at < now() - make_interval(days => $1)
         order by started_at limit $2 for update skip locked
       ), removed as (
         insert into removed_logs (execution_id) select id from aged where log_entries > 0 on conflict do nothing
       )
       update agent_executions e set logs_removed_at = now() from aged where e.id = aged.id`,
      [days, limit],
    );
  }

  /** Some executions whose log entries are to leave. */
  findRemovedLogs(limit: number): Promise<RemovedLog[]> {
    return this.database.query<RemovedLog>(
      'select execution_id, next_seq from removed_logs order by execution_id limit $1',
      [limit],
    );
  }

  /**
   * Removes the log entries of an execution from one number up to another. By numbers, not as the first ones of those
   * that are left: to find these the whole log is read, and what has left it before. Gives how many went.
   */
  removeLogEntries(executionId: string, from: number, to: number): Promise<number> {
    return this.database.count('delete from execution_logs where execution_id = $1 and seq >= $2 and seq < $3', [
      executionId,
      from,
      to,
    ]);
  }

  /** Number of the first log entry of an execution from a number on; null when there is none. */
  async findLogEntry(executionId: string, from: number): Promise<number | null> {
    const row = await this.database.one<{ seq: number }>(
      'select seq from execution_logs where execution_id = $1 and seq >= $2 order by seq limit 1',
      [executionId, from],
    );
    return row && row.seq;
  }

  /** Notes up to where the log entries of an execution have left. */
  async moveRemovedLog(executionId: string, nextSeq: number): Promise<void> {
    await this.database.query('update removed_logs set next_seq = $2 where execution_id = $1', [executionId, nextSeq]);
  }

  /** Forgets executions whose log entries have left. */
  async forgetRemovedLogs(executionIds: readonly string[]): Promise<void> {
    await this.database.query('delete from removed_logs where execution_id = any ($1::uuid[])', [executionIds]);
  }
}
