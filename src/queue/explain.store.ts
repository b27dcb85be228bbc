import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { statusSql } from './worker-status.js';

/** What keeps a pending task from being claimed, as counts of the workers that pass each test. */
export interface WaitFacts {
  run_at: Date;
  ready: boolean;
  agent_enabled: boolean;
  builtin: boolean;
  /** The most executions of its agent at a time; null for no limit. */
  max_concurrent: number | null;
  /** How many of them the fleet runs. */
  agent_running: number;
  /** The most tasks of its repository at a time; null for no limit. */
  max_running: number | null;
  /** How many of them the fleet runs. */
  repository_running: number;
  /** Until when its provider takes nothing, of all workers that have the launcher; null when one of them may go on. */
  limited_until: Date | null;
  launcher: string;
  required_labels: string[];
  agent_type: string;
  /** Workers of the organization or the instance that are alive. */
  live: number;
  active: number;
  serving_type: number;
  with_cli: number;
  /** Names of those, five at most, that have the launcher but are not signed in to it. */
  signed_out: string[] | null;
  with_labels: number;
  /** Workers that pass every test. */
  able: number;
  with_room: number;
  /** Whether nothing of the organization is begun, and what was noted about that. */
  fleet_paused: boolean;
  fleet_note: string | null;
  /** Place in its lane among what is ready, from 1; counted to 1000. */
  position: number;
}

@Injectable()
export class ExplainStore {
  constructor(
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /**
   * For how many seconds the longest of the tasks in the queue may have been taken, of an organization or of all; looks
   * at the heads of lanes alone.
   */
  async oldestWait(
    organizationId: string | null,
    filter: { repository_id?: string; agent_type?: string },
  ): Promise<number | null> {
    const row = await this.database.one<{ seconds: number | null }>(
      `select round(extract(epoch from now() - min(head.run_at)), 3)::float8 as seconds
       from queue_lanes lane cross join (values ('P0'), ('P1'), ('P2')) as p (priority)
       cross join lateral (
         select q.run_at from queue_entries q
         where q.lane_id = lane.id and q.priority = p.priority and q.run_at <= now()
         order by q.run_at, q.task_id limit 1
       ) head
       where ($1::uuid is null or lane.organization_id = $1) and ($2::uuid is null or lane.repository_id = $2)
         and ($3::text is null or lane.agent_type = $3)`,
      [organizationId, filter.repository_id ?? null, filter.agent_type ?? null],
    );
    return row?.seconds ?? null;
  }

  /** Null when the task is not in the queue. */
  waitFacts(taskId: string): Promise<WaitFacts | null> {
    return this.database.one<WaitFacts>(
      `with entry as (
         select q.*, lane.organization_id, lane.agent_type, lane.required_labels,
                coalesce(o.enabled, a.enabled, false) as agent_enabled, coalesce(a.category = 'builtin', false) as builtin,
                coalesce(o.launcher, a.launcher, $2) as launcher, o.max_concurrent, lane.repository_id, r.max_running
         from queue_entries q join queue_lanes lane on lane.id = q.lane_id
         left join agents a on a.agent_type = lane.agent_type
         left join organization_agents o
           on o.organization_id = lane.organization_id and o.agent_type = lane.agent_type
         left join repositories r on r.id = lane.repository_id
         where q.task_id = $1
       ), fleet as materialized (
         select w.name, ${statusSql('w', 'live')} as status,
                w.agent_types is null or e.agent_type = any (w.agent_types) as serves,
                e.builtin or e.launcher = '' or w.launcher_names is null or e.launcher = any (w.launcher_names) as has_cli,
                w.launchers @> jsonb_build_array(jsonb_build_object('name', e.launcher, 'signed_in', false)) as is_signed_out,
                (
                  select limits.until from provider_limits limits
                  where not e.builtin and limits.organization_id = e.organization_id and limits.launcher = e.launcher
                    and limits.account = coalesce(w.launcher_accounts ->> e.launcher, '') and limits.until > now()
                ) as limited_until,
                e.required_labels <@ w.labels as has_labels,
                (select count(*) from leases where worker_id = w.id and ordinal >= live.first_lease) < w.capacity as has_room
         from entry e join workers w on w.organization_id is null or w.organization_id = e.organization_id
         join worker_liveness live on live.worker_id = w.id
         where live.last_heartbeat > now() - interval '300 seconds'
       ), sums as (
         select count(*)::integer as live,
                count(*) filter (where status = 'active')::integer as active,
                count(*) filter (where serves)::integer as serving_type,
                count(*) filter (where has_cli)::integer as with_cli,
                (array_agg(name order by name) filter (where is_signed_out))[1:5] as signed_out,
                count(*) filter (where has_labels)::integer as with_labels,
                case when count(*) filter (where has_cli and limited_until is null) = 0
                  then min(limited_until) filter (where has_cli) end as limited_until,
                count(*) filter (where status = 'active' and serves and has_cli and has_labels)::integer as able,
                count(*) filter (where status = 'active' and serves and has_cli and has_labels and has_room)::integer
                  as with_room
         from fleet where status <> 'stopped'
       )
       select e.run_at, e.run_at <= now() as ready, e.agent_enabled, e.builtin, e.launcher, e.required_labels,
              e.agent_type, e.max_concurrent, sums.*,
              exists (select from fleet_pauses p where p.organization_id = e.organization_id) as fleet_paused,
              (select note from fleet_pauses p where p.organization_id = e.organization_id) as fleet_note,
              case when e.max_concurrent is null then 0 else (
                select count(*)::integer from tasks t
                where t.organization_id = e.organization_id and t.status = 'running' and t.agent_type = e.agent_type
                  and t.worker_id is not null
              ) end as agent_running, e.max_running,
              case when e.max_running is null then 0 else (
                select count(*)::integer from tasks t
                where t.organization_id = e.organization_id and t.status = 'running' and t.repository_id = e.repository_id
                  and t.worker_id is not null
              ) end as repository_running,
              (select count(*)::integer from (
                 select from queue_entries q
                 where q.lane_id = e.lane_id and (q.priority, q.run_at, q.task_id) <= (e.priority, e.run_at, e.task_id)
                   and q.run_at <= now()
                 order by q.priority, q.run_at, q.task_id limit 1000
               ) ahead) as position
       from entry e cross join sums`,
      [taskId, this.config.agent_cli],
    );
  }
}
