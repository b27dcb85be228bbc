import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { newId } from '../ids.js';
import { branchName } from './branch-name.js';

/** What a worker asks for. */
export interface ClaimRequest {
  worker_id: string;
  /** Token with which it came; it must still be that of the worker when the claim is made. */
  key_id: string;
  actor: Actor;
  max: number;
  request_key: string | null;
}

/** A worker that asked; with a task it was given, or none; whether it had its turn in the statement. */
interface DealtRow {
  worker_id: string;
  execution_id: string | null;
  task_id: string | null;
  organization_id: string | null;
  agent_type: string | null;
  repository_id: string | null;
  lane_id: number | null;
  served: boolean;
}

/** A task that was given to a worker, as ids; the records are read behind it. */
export interface ClaimedRow {
  execution_id: string;
  task_id: string;
  organization_id: string;
  agent_type: string;
  repository_id: string | null;
  /** From which it was taken; null for one that was given before. */
  lane_id: number | null;
}

/** So many leases may have ended, of all workers, before what is known of one of these is written down anew. */
const ENDED_LEASES = 500;

/**
 * A claim is one statement, also that of many workers which may serve the same: the first one and its kin; the others are
 * told apart, for a statement of their own. The workers' own narrow rows have been locked by the statement before it (so
 * that two claims of one worker cannot exceed its capacity, none of an earlier life of the worker, told by its token, gets
 * anything, and none that was told to rest before). It counts what they run, behind the leases of theirs that are known to
 * have ended, reads the
 * heads of the lanes they may serve, orders them by priority and by whose turn it is, takes as many rows from each chosen
 * lane as are its share, passing over those that others hold, and deals them out. The limits behind `asked`, `slots`, `picked`
 * and `numbered` change nothing but the planner's guess: without them, it expects a tenth of the queue and reads whole tables
 * (312 ms instead of 4 ms with 200,000 tasks waiting).
 */
const CLAIM = `
with asked as materialized (
  select * from jsonb_to_recordset($1::jsonb)
    as ask (at integer, worker_id uuid, key_id uuid, max integer, request_key text, actor jsonb)
  limit $6
), live as materialized (
  select l.worker_id, l.key_id, l.former_key_ids, l.first_lease, held.running,
         -- Read before any lease is given: what follows has a greater one.
         coalesce(held.first, (select last_value from leases_ordinal_seq)) as first
  from worker_liveness l cross join lateral (
    select count(*)::integer as running, min(ordinal) as first from leases
    where worker_id = l.worker_id and ordinal >= l.first_lease
  ) held
  where l.worker_id in (select worker_id from asked) and (l.rests_until is null or l.rests_until <= now())
), worker as materialized (
  select ask.at, ask.request_key, ask.actor, w.id, w.organization_id, w.labels, w.agent_types, w.launcher_names,
         w.isolation, greatest(0, least(ask.max, w.capacity - live.running)) as free
  from asked ask join live on live.worker_id = ask.worker_id
    and (live.key_id = ask.key_id or ask.key_id = any (live.former_key_ids))
  join workers w on w.id = ask.worker_id
), kin as materialized (
  select * from worker
  where row(organization_id, labels, agent_types, launcher_names) is not distinct from (
    select row(organization_id, labels, agent_types, launcher_names) from worker where free > 0 order by at limit 1
  )
), slots as materialized (
  select kin.id as worker_id, kin.request_key, kin.actor, kin.isolation, row_number() over (order by turn, at) as slot
  from kin cross join generate_series(1, kin.free) as turn
  limit $2
), eligible as materialized (
  select lane.id, lane.turn_id
  from (select organization_id, labels, agent_types, launcher_names from kin where free > 0 limit 1) w
  join queue_lanes lane on w.organization_id is null or lane.organization_id = w.organization_id
  join agents a on a.agent_type = lane.agent_type and a.enabled
  where (w.agent_types is null or lane.agent_type = any (w.agent_types))
    and lane.required_labels <@ w.labels
    and (w.launcher_names is null or a.category = 'builtin' or coalesce(a.launcher, $5) = any (w.launcher_names))
    and not exists (select from fleet_pauses paused where paused.organization_id = lane.organization_id)
), heads as materialized (
  select e.id as lane_id, e.turn_id, p.priority, h.run_at, h.task_id,
         row_number() over (partition by p.priority, e.turn_id order by h.run_at, h.task_id) as round
  from eligible e
  join queue_heads p on p.lane_id = e.id
  cross join lateral (
    select q.run_at, q.task_id from queue_entries q
    where q.lane_id = e.id and q.priority = p.priority and q.run_at >= p.run_at and q.run_at <= now()
    order by q.run_at, q.task_id limit $2
  ) h
), shares as materialized (
  select lane_id, turn_id, priority, count(*) as share, min(run_at) as first
  from (
    select heads.lane_id, heads.turn_id, heads.priority, heads.run_at
    from heads join queue_turns t on t.id = heads.turn_id
    order by heads.priority, heads.round, t.served_at, heads.run_at, heads.task_id
    limit (select count(*) from slots)
  ) best
  group by lane_id, turn_id, priority
), picked as materialized (
  select q.task_id, q.run_at, s.turn_id, s.priority
  from shares s
  cross join lateral (
    select e.task_id, e.run_at from queue_entries e
    where e.lane_id = s.lane_id and e.priority = s.priority and e.run_at >= s.first and e.run_at <= now()
    order by e.run_at, e.task_id limit s.share
    for update skip locked
  ) q
  limit $2
), dealt as materialized (
  select task_id, row_number() over (order by priority, run_at, task_id) as slot from picked
), numbered as materialized (
  select d.task_id, ($3::uuid[])[d.slot] as execution_id, s.worker_id, s.request_key, s.actor, s.isolation
  from dealt d join slots s on s.slot = d.slot
  limit $2
), taken as (
  delete from queue_entries q using picked where q.task_id = picked.task_id
), started as (
  update tasks t set
    status = 'running', version = t.version + 1, attempts = t.attempts + 1, worker_id = n.worker_id,
    current_execution_id = n.execution_id, started_at = now(), completed_at = null, updated_at = now(),
    error_message = null, failure_reason = null, result = null
  from numbered n where t.id = n.task_id and t.status = 'pending'
  returning t.*, n.request_key, n.actor as starter, n.isolation
), executions as (
  insert into agent_executions
    (id, organization_id, task_id, repository_id, attempt, agent_type, worker_id, isolation, status, branch)
  select s.current_execution_id, s.organization_id, s.id, s.repository_id, s.attempts, s.agent_type, s.worker_id,
         s.isolation, 'running', ${branchName('s')}
  from started s
), leased as (
  insert into leases (execution_id, task_id, worker_id, expires_at, deadline_at, request_key)
  select current_execution_id, id, worker_id, now() + make_interval(secs => $4),
         now() + make_interval(secs => timeout_seconds), request_key
  from started
), moved as (
  update worker_liveness l set first_lease = live.first
  from live where l.worker_id = live.worker_id and live.first > live.first_lease + ${String(ENDED_LEASES)}
), turns as (
  update queue_turns set served_at = clock_timestamp()
  where id in (
    select t.id from queue_turns t where t.id in (select turn_id from picked) for update skip locked
  ) and (select count(distinct turn_id) from heads) > 1
), told as (
  insert into event_outbox (organization_id, type, actor, subject, data)
  select s.organization_id, fact.type, s.starter,
         jsonb_build_object('task_id', s.id, 'execution_id', s.current_execution_id, 'worker_id', s.worker_id),
         jsonb_build_object('attempt', s.attempts)
  from started s cross join (values ('task.started'), ('execution.started')) as fact (type)
)
select asked.worker_id, s.current_execution_id as execution_id, s.id as task_id, s.organization_id,
       s.agent_type, s.repository_id, s.lane_id,
       -- With no room there is nothing to be had, whoever may serve what.
       coalesce(w.free, 0) = 0 or kin.id is not null as served
from asked left join worker w on w.at = asked.at left join kin on kin.at = asked.at
left join started s on s.worker_id = asked.worker_id
order by s.priority, s.run_at, s.id`;

/** What earlier attempts at a task and its dependencies left for an attempt. */
export interface Heritage {
  execution_id: string;
  /** Last checkpoint of an earlier attempt; null when there is none. */
  checkpoint: unknown;
  /** The last earlier attempt that left a pushed branch or a session. */
  previous_id: string | null;
  previous_branch: string | null;
  previous_session_id: string | null;
  /** Branches of its dependencies in the same repository, in the order of these. */
  merge_refs: string[];
}

/** Looked up by tasks: each has few attempts and few dependencies. */
const HERITAGE = `
  select e.id as execution_id, saved.checkpoint, before.id as previous_id, before.branch as previous_branch,
         before.session_id as previous_session_id,
         case when t.base_ref is not null or e.repository_id is null then '{}' else array(
           select done.branch from task_dependencies d
           join tasks p on p.id = d.depends_on_id and p.status = 'completed' and p.repository_id = e.repository_id
           cross join lateral (
             select branch, commit_sha from agent_executions
             where task_id = p.id and status = 'completed' order by attempt desc limit 1
           ) done
           where d.task_id = e.task_id and done.commit_sha is not null
           order by d.place, d.depends_on_id
         ) end as merge_refs
  from agent_executions e join tasks t on t.id = e.task_id
  left join lateral (
    select id, branch, session_id from agent_executions
    where task_id = e.task_id and attempt < e.attempt and (commit_sha is not null or session_id is not null)
    order by attempt desc limit 1
  ) before on true
  left join lateral (
    select c.checkpoint from agent_executions x join execution_checkpoints c on c.execution_id = x.id
    where x.task_id = e.task_id and x.attempt < e.attempt order by x.attempt desc limit 1
  ) saved on true
  where e.id = any ($1::uuid[])`;

const isGiven = (row: Omit<DealtRow, 'worker_id' | 'served'>): row is ClaimedRow => row.execution_id !== null;

@Injectable()
export class ClaimStore {
  constructor(
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /**
   * Gives tasks to workers, of which each is there once; nothing to one that is not active, has no room, or may serve
   * nothing that is ready. A request with a key gets what an earlier one with it got and still runs.
   */
  async claimAll(requests: readonly ClaimRequest[]): Promise<ReadonlyMap<string, ClaimedRow[]>> {
    const locked = this.lockWorkers(requests);
    const given = await this.findByRequestKeys(requests);
    for (let left = requests.filter(({ worker_id }) => !given.has(worker_id)); left.length > 0;) {
      const [rows] = await Promise.all([this.claimOfKin(left), locked]);
      for (const { worker_id, served: _, ...row } of rows) {
        if (isGiven(row)) given.set(worker_id, [...(given.get(worker_id) ?? []), row]);
      }
      const served = new Set(rows.filter((row) => row.served).map((row) => row.worker_id));
      left = left.filter(({ worker_id }) => !served.has(worker_id));
    }
    return given;
  }

  private claimOfKin(requests: readonly ClaimRequest[]): Promise<DealtRow[]> {
    const most = requests.reduce((sum, { max }) => sum + max, 0);
    return this.database.query<DealtRow>(CLAIM, [
      JSON.stringify(requests.map((request, at) => ({ ...request, at }))),
      most,
      Array.from({ length: most }, newId),
      this.config.lease_seconds,
      this.config.agent_cli,
      requests.length,
    ]);
  }

  /** Until the transaction ends. The statements behind it see what was done before. */
  private async lockWorkers(requests: readonly ClaimRequest[]): Promise<void> {
    await this.database.query(
      'select 1 from worker_liveness where worker_id = any ($1::uuid[]) order by worker_id for update',
      [requests.map(({ worker_id }) => worker_id)],
    );
  }

  /** What earlier claims with the same keys got and still run, by worker, while these are locked. */
  private async findByRequestKeys(requests: readonly ClaimRequest[]): Promise<Map<string, ClaimedRow[]>> {
    const keyed = requests.filter(({ request_key }) => request_key !== null);
    if (keyed.length === 0) return new Map();
    const rows = await this.database.query<ClaimedRow & { worker_id: string }>(
      `select l.worker_id, l.execution_id, l.task_id, e.organization_id, e.agent_type, e.repository_id,
              null::integer as lane_id
       from (select * from jsonb_to_recordset($1::jsonb) as one (worker_id uuid, request_key text) limit $2) ask
       join worker_liveness live on live.worker_id = ask.worker_id
       join leases l on l.worker_id = ask.worker_id and l.ordinal >= live.first_lease
         and l.request_key = ask.request_key
       join agent_executions e on e.id = l.execution_id
       where e.started_at > now() - interval '10 minutes' order by l.execution_id`,
      [JSON.stringify(keyed), keyed.length],
    );
    const found = new Map<string, ClaimedRow[]>();
    for (const { worker_id, ...row } of rows) found.set(worker_id, [...(found.get(worker_id) ?? []), row]);
    return found;
  }

  /** What was left for executions that have just been claimed, in one look for all of them. */
  findHeritage(executionIds: readonly string[]): Promise<Heritage[]> {
    return this.database.query<Heritage>(HERITAGE, [executionIds]);
  }
}
