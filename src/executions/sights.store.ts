import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { ExecutionSight } from './execution-sight.entity.js';

/** What workers have seen of the checkouts of running executions. */
@Injectable()
export class SightsStore {
  constructor(private readonly database: Database) {}

  /** False when the execution does not run. */
  async set(execution_id: string, commit_sha: string): Promise<boolean> {
    const set = await this.database.query(
      `insert into execution_sights as s (execution_id, commit_sha, seen_at)
       select id, $2, now() from agent_executions where id = $1 and status = 'running'
       on conflict (execution_id) do update set commit_sha = excluded.commit_sha, seen_at = excluded.seen_at
       returning s.execution_id`,
      [execution_id, commit_sha],
    );
    return set.length > 0;
  }

  find(execution_ids: readonly string[]): Promise<ExecutionSight[]> {
    return this.database.query<ExecutionSight>(`select * from execution_sights where execution_id = any ($1::uuid[])`, [
      execution_ids,
    ]);
  }

  /** Those of these executions that still run, or have ended so short a while ago that somebody may be reading. */
  findFresh(execution_ids: readonly string[]): Promise<{ id: string }[]> {
    return this.database.query<{ id: string }>(
      `select id from agent_executions where id = any ($1::uuid[])
         and (status = 'running' or finished_at > now() - interval '1 minute')`,
      [execution_ids],
    );
  }

  async remove(execution_ids: readonly string[]): Promise<void> {
    await this.database.query(`delete from execution_sights where execution_id = any ($1::uuid[])`, [execution_ids]);
  }
}
