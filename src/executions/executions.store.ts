import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { FailureReason } from '../tasks/failure-reasons.js';
import type { Usage } from '../tasks/usage.js';
import type { Execution } from './execution.entity.js';
import type { ExecutionStatus } from './execution.states.js';

/** An execution with what its lease knows better while it runs. */
export type ExecutionView = Execution & { lease_expires_at: Date | null; deadline_at: Date | null };

export interface ExecutionFilter {
  organization_id: string;
  status: readonly string[] | null;
  task_id: string | null;
  agent_type: string | null;
  worker_id: string | null;
  repository_id: string | null;
  before: Position | null;
  limit: number;
}

/** How an execution ended. */
export interface ExecutionEnd {
  status: ExecutionStatus;
  failure_reason: FailureReason | null;
  error_message: string | null;
  progress: number | null;
  progress_message: string | null;
  exit_code: number | null;
  base_sha: string | null;
  /** Null keeps the name that the claim has given. */
  branch: string | null;
  /** Null keeps what was pushed last. */
  commit_sha: string | null;
  log_entries: number;
  log_left_out: number;
  log_incomplete: boolean;
  result: Record<string, unknown> | null;
  model: string | null;
  session_id: string | null;
  pull_request_number: number | null;
  quality_score: number | null;
  usage: Usage | null;
  finished_by_worker: boolean;
}

export interface LogRow {
  seq: number;
  level: string;
  stream: string;
  message: string;
  logged_at: Date;
}

/** Whose a branch is. */
export interface BranchOwner {
  branch: string;
  execution_id: string;
  task_id: string;
  status: ExecutionStatus;
}

/** Nobody renews an attempt begun by hand, so that its lease expires never. */
const VIEW = `
  select e.id, e.organization_id, e.task_id, e.repository_id, e.attempt, e.agent_type, e.model, e.worker_id,
         e.coordinator_id, e.isolation, e.status, e.failure_reason, e.error_message, coalesce(l.progress, e.progress) as progress,
         coalesce(l.progress_message, e.progress_message) as progress_message, e.started_at, e.finished_at, e.exit_code,
         e.base_sha, e.branch, e.commit_sha, e.pushed_at, coalesce(l.session_id, e.session_id) as session_id, e.pull_request_number,
         e.pull_request_url, e.quality_score, coalesce(l.usage, e.usage) as usage,
         coalesce(l.log_entries, e.log_entries) as log_entries, e.log_left_out, e.log_incomplete, e.result, e.finished_by_worker, e.logs_removed_at,
         nullif(l.expires_at, 'infinity') as lease_expires_at, l.deadline_at
  from agent_executions e left join leases l on l.execution_id = e.id`;

@Injectable()
export class ExecutionsStore {
  constructor(private readonly database: Database) {}

  /** Any organization's when it is null: for workers, who are known by their token. */
  findOne(organizationId: string | null, id: string): Promise<ExecutionView | null> {
    return this.database.one<ExecutionView>(
      `${VIEW} where e.id = $1 and ($2::uuid is null or e.organization_id = $2)`,
      [id, organizationId],
    );
  }

  findByIds(ids: readonly string[]): Promise<ExecutionView[]> {
    return this.database.query<ExecutionView>(`${VIEW} where e.id = any ($1::uuid[])`, [ids]);
  }

  /** Newest first; one more than the limit, to tell whether there are more. */
  findPage(filter: ExecutionFilter): Promise<(ExecutionView & { cursor_at: string })[]> {
    return this.database.query<ExecutionView & { cursor_at: string }>(
      `select page.*, ${cursorTime('started_at')} as cursor_at from (${VIEW}
         where e.organization_id = $1
           and ($2::text[] is null or e.status = any ($2))
           and ($3::uuid is null or e.task_id = $3)
           and ($4::text is null or e.agent_type = $4)
           and ($5::uuid is null or e.worker_id = $5)
           and ($6::uuid is null or e.repository_id = $6)
           and ($7::timestamptz is null or (e.started_at, e.id) < ($7, $8::uuid))
         order by e.started_at desc, e.id desc limit $9
       ) page order by started_at desc, id desc`,
      [
        filter.organization_id,
        filter.status,
        filter.task_id,
        filter.agent_type,
        filter.worker_id,
        filter.repository_id,
        filter.before?.at ?? null,
        filter.before?.id ?? null,
        filter.limit + 1,
      ],
    );
  }

  /** Ends executions whose leases go with it. Gives them as they are then. */
  endAll(ends: readonly (ExecutionEnd & { id: string })[]): Promise<ExecutionView[]> {
    return this.database.query<ExecutionView>(
      `with ended as (update agent_executions e set status = said.status, failure_reason = said.failure_reason,
         error_message = said.error_message, progress = said.progress, progress_message = said.progress_message,
         exit_code = said.exit_code, base_sha = said.base_sha, branch = coalesce(said.branch, e.branch),
         commit_sha = coalesce(said.commit_sha, e.commit_sha), log_entries = said.log_entries,
         log_left_out = said.log_left_out, log_incomplete = said.log_incomplete, result = said.result, model = said.model, session_id = said.session_id,
         pull_request_number = said.pull_request_number, quality_score = said.quality_score, usage = said.usage,
         finished_by_worker = said.finished_by_worker, finished_at = now()
       from (select * from jsonb_to_recordset($1::jsonb) as one (id uuid, status text, failure_reason text,
         error_message text, progress integer, progress_message text, exit_code integer, base_sha text, branch text,
         commit_sha text, log_entries integer, log_left_out integer, log_incomplete boolean, result jsonb, model text, session_id text,
         pull_request_number integer, quality_score integer, usage jsonb, finished_by_worker boolean) limit $2) said
       where e.id = said.id
       returning e.*), counted as (
         insert into agent_count_changes (organization_id, agent_type, completed, failed, seconds)
         select organization_id, agent_type, count(*) filter (where status = 'completed'),
                count(*) filter (where status = 'failed'),
                coalesce(sum(extract(epoch from finished_at - started_at)) filter (where status = 'completed'), 0)
         from ended where status in ('completed', 'failed') group by organization_id, agent_type
       )
       select ended.*, null as lease_expires_at, null as deadline_at from ended`,
      [JSON.stringify(ends), ends.length],
    );
  }

  /** The last execution of each of these branches of a repository. */
  async findByBranches(
    organization_id: string,
    repository_id: string,
    branches: readonly string[],
  ): Promise<BranchOwner[]> {
    return this.database.query(
      `select distinct on (branch) branch, id as execution_id, task_id, status from agent_executions
       where repository_id = $2 and branch = any($3::text[]) and organization_id = $1
       order by branch, started_at desc, id desc`,
      [organization_id, repository_id, branches],
    );
  }

  /** Tasks of which an execution in a repository has left one of these commits, which it did not begin at. */
  async findByCommits(
    organization_id: string,
    repository_id: string,
    commits: readonly string[],
    limit: number,
  ): Promise<{ task_id: string }[]> {
    return this.database.query(
      `select distinct task_id from agent_executions
       where repository_id = $2 and commit_sha = any($3::text[]) and organization_id = $1
         and base_sha is distinct from commit_sha
       order by task_id limit $4`,
      [organization_id, repository_id, commits, limit],
    );
  }

  /** Notes which commit was pushed to the branch of an execution. One that has ended stays as it is. */
  async setPushed(id: string, commitSha: string): Promise<void> {
    await this.database.query(
      `update agent_executions set commit_sha = $2, pushed_at = now() where id = $1 and status = 'running'`,
      [id, commitSha],
    );
  }

  /** Log entries behind `after`, oldest first; with `tail` the last ones instead. */
  findLogs(filter: {
    execution_id: string;
    after: number;
    tail: number | null;
    levels: readonly string[] | null;
    q: string | null;
    limit: number;
  }): Promise<LogRow[]> {
    const { execution_id, after, tail, levels, q, limit } = filter;
    const direction = tail === null ? 'asc' : 'desc';
    return this.database.query<LogRow>(
      `select * from (
         select seq, level, stream, message, logged_at from execution_logs
         where execution_id = $1 and seq > $2 and ($3::text[] is null or level = any ($3))
           and ($4::text is null or message ilike $4)
         order by seq ${direction} limit $5
       ) found order by seq`,
      [execution_id, after, levels, q === null ? null : `%${q.replace(/[\\%_]/g, '\\$&')}%`, tail ?? limit],
    );
  }
}
