import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { TaskStatus } from './task.states.js';

/** Which tasks to count. */
export interface StatsFilter {
  repository_id?: string;
  agent_type?: string;
}

/** Tasks of one kind that wait. */
export interface PendingCount {
  agent_type: string;
  priority: string;
  tasks: number;
}

/** Counters of tasks: the counts, and differences that are not yet folded into them. Nothing here reads `tasks`. */
@Injectable()
export class TaskStatsStore {
  constructor(private readonly database: Database) {}

  /** How many tasks there are of each status; one statement, so that no difference is counted twice or not at all. */
  count(organizationId: string, filter: StatsFilter): Promise<{ status: TaskStatus; tasks: number }[]> {
    const wanted = `organization_id = $1 and ($2::uuid is null or repository_id = $2)
      and ($3::text is null or agent_type = $3)`;
    return this.database.query(
      `select status, sum(tasks)::float8 as tasks from (
         select status, tasks from task_counts where ${wanted}
         union all
         select status, change from task_count_changes where ${wanted}
       ) counted group by status`,
      [organizationId, filter.repository_id ?? null, filter.agent_type ?? null],
    );
  }

  /** How many tasks of every organization wait to be claimed, by what they are. */
  countPending(): Promise<PendingCount[]> {
    return this.database.query(
      `select agent_type, priority, sum(tasks)::float8 as tasks from (
         select agent_type, priority, tasks from task_counts where status = 'pending'
         union all
         select agent_type, priority, change from task_count_changes where status = 'pending'
       ) counted group by agent_type, priority having sum(tasks) > 0`,
    );
  }

  /** Folds the oldest differences into the counts; gives how many. To be run by one process at a time. */
  async fold(limit: number): Promise<number> {
    const row = await this.database.one<{ folded: number }>(
      `with taken as (
         delete from task_count_changes where id = any (array(select id from task_count_changes order by id limit $1))
         returning organization_id, repository_id, agent_type, status, priority, change
       ), counted as (
         insert into task_counts as known (organization_id, repository_id, agent_type, status, priority, tasks)
         select organization_id, repository_id, agent_type, status, priority, sum(change) from taken
         group by organization_id, repository_id, agent_type, status, priority having sum(change) <> 0
         on conflict (organization_id, repository_id, agent_type, status, priority)
           do update set tasks = known.tasks + excluded.tasks
       )
       select count(*)::integer as folded from taken`,
      [limit],
    );
    return row?.folded ?? 0;
  }
}
