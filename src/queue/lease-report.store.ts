import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { LeaseRow } from './leases.store.js';
import type { Usage } from './usage.js';

/** What a worker says of an execution that it runs. Absent members leave what is known. */
export interface LeaseReport {
  id: string;
  progress?: number;
  message?: string;
  /** Whether its agent is over. */
  agent_ended?: boolean;
  /** What the attempt has used so far, in all. */
  usage?: Partial<Usage>;
  session_id?: string;
  /** Wrapped, because it may be the JSON value null. */
  saved?: { value: unknown };
}

/** Who says something of an execution, and until when that makes its lease last; null leaves it. */
export type WorkerReport = LeaseReport & { worker_id: string; lease_seconds: number | null };

/**
 * One statement for all that is said. The leases are locked first, in the order of their ids, so that what was known is
 * the latest and a budget is warned of once. Tasks are read for reports with usage alone; what their earlier attempts
 * used does not change while this one runs. The limit is for the planner, which expects a hundred rows of JSON. No column that an index holds is written: the row is rewritten in place.
 */
const REPORT = `
with said as materialized (
  select * from jsonb_to_recordset($1::jsonb)
    as one (id uuid, worker_id uuid, lease_seconds integer, progress integer, message text, agent_ended boolean, usage jsonb, session_id text, saved jsonb)
  limit $2
), held as materialized (
  select l.execution_id, l.task_id, l.worker_id, l.budget_warned, said.lease_seconds, said.progress, said.message,
         said.agent_ended, said.session_id, said.saved, said.usage is not null as counts, usage_grown(l.usage, said.usage) as usage,
         coalesce(said.progress, l.progress) is distinct from l.progress
           or coalesce(said.message, l.progress_message) is distinct from l.progress_message as advanced
  from said join leases l on l.execution_id = said.id and l.worker_id = said.worker_id
  order by l.execution_id for update of l
), judged as materialized (
  select held.*, t.organization_id, t.repository_id, t.max_cost_usd, t.max_tokens, spent.total,
         budget_state(spent.total, t.max_cost_usd, t.max_tokens) as budget
  from held left join tasks t on held.counts and t.id = held.task_id
  cross join lateral (select usage_sum(t.usage, held.usage) as total) spent
), kept as (
  insert into execution_checkpoints (execution_id, checkpoint)
  select execution_id, saved->'value' from held where saved is not null
  on conflict (execution_id) do update set checkpoint = excluded.checkpoint, saved_at = now()
), warned as (
  insert into event_outbox (organization_id, type, actor, subject, data)
  select organization_id, 'budget.warning',
         jsonb_build_object('type', 'execution', 'id', execution_id, 'login', null, 'trigger', null),
         jsonb_build_object('task_id', task_id, 'execution_id', execution_id, 'worker_id', worker_id),
         jsonb_build_object('usage', total, 'max_cost_usd', max_cost_usd, 'max_tokens', max_tokens, 'state', budget)
  from judged where budget is not null and not budget_warned
)
update leases l set
  expires_at = coalesce(now() + make_interval(secs => j.lease_seconds), l.expires_at),
  progress = coalesce(j.progress, l.progress), progress_message = coalesce(j.message, l.progress_message),
  session_id = coalesce(j.session_id, l.session_id), usage = j.usage,
  agent_ended_at = case when j.agent_ended then coalesce(l.agent_ended_at, now()) else l.agent_ended_at end,
  budget_warned = l.budget_warned or j.budget is not null,
  cancel_reason = case when j.budget = 'exceeded' and l.cancel_requested_at is null then 'policy' else l.cancel_reason end,
  cancel_requested_at =
    case when j.budget = 'exceeded' then coalesce(l.cancel_requested_at, now()) else l.cancel_requested_at end
from judged j where l.execution_id = j.execution_id
returning l.*, j.budget is not null and not j.budget_warned as warned,
  case when j.advanced or j.budget is not null and not j.budget_warned
    then (select organization_id from tasks where id = l.task_id) end as news_for`;

/** A lease after a report, and the organization that hears of it; null when there is nothing new. */
export type ReportedLease = LeaseRow & { news_for: string | null; warned: boolean };

/** What workers say of the executions they run, fenced by the lease. */
@Injectable()
export class LeaseReportStore {
  constructor(private readonly database: Database) {}

  /** Takes what workers say of their executions; gives the leases of those that are theirs. */
  async reportAll(reports: readonly WorkerReport[]): Promise<ReportedLease[]> {
    if (reports.length === 0) return [];
    // One that is listed twice is one row: what was said last counts.
    const each = [...new Map(reports.map((report) => [`${report.worker_id} ${report.id}`, report])).values()];
    return this.database.query<ReportedLease>(REPORT, [JSON.stringify(each), each.length]);
  }
}
