import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** An execution whose log entries are to leave. */
export interface AgedLog {
  id: string;
  log_entries: number;
}

/** Old records, and their leaving in steps that hold few locks and hold them shortly. */
@Injectable()
export class RetentionStore {
  constructor(private readonly database: Database) {}

  /**
   * Finished executions that ended long ago and still have their log entries, those that began first. One that runs has
   * begun a day ago at most.
   */
  findAgedLogs(days: number, limit: number): Promise<AgedLog[]> {
    return this.database.query<AgedLog>(
      `select id, log_entries from agent_executions
       where logs_removed_at is null and started_at < now() - make_interval(days => $1)
         and finished_at < now() - make_interval(days => $1)
       order by started_at limit $2`,
      [days, limit],
    );
  }

  /** Removes log entries of an execution, the first ones first. Gives how many went. */
  removeLogEntries(executionId: string, limit: number): Promise<number> {
    return this.database.count(
      `delete from execution_logs where execution_id = $1 and seq in (
         select seq from execution_logs where execution_id = $1 order by seq limit $2)`,
      [executionId, limit],
    );
  }

  /** Notes that the log entries of executions are gone. */
  async markLogsRemoved(executionIds: readonly string[]): Promise<void> {
    await this.database.query(
      'update agent_executions set logs_removed_at = now() where id = any ($1::uuid[]) and logs_removed_at is null',
      [executionIds],
    );
  }

  /** Executions of tasks, whose log entries must leave before the tasks do: a cascade would remove all in one go. */
  async findExecutionsWithLogs(taskIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'select id from agent_executions where task_id = any ($1::uuid[]) and logs_removed_at is null and log_entries > 0',
      [taskIds],
    );
    return rows.map(({ id }) => id);
  }
}
