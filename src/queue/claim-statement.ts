import { branchName } from './branch-name.js';

/** Where claims with a look at the limits of agents and repositories differ from those without. */
interface LimitParts {
  rooms: string;
  headColumns: string;
  lanes: string;
  heads: string;
  fits: string;
  verdict: string;
}

/** So many leases may have ended, of all workers, before what is known of one of these is written down anew. */
const ENDED_LEASES = 500;

/**
 * A claim is one statement, also that of many workers which may serve the same: the first one and its kin; the others are
 * told apart, for a statement of their own. The workers' own narrow rows have been locked by the statement before it (so
 * that two claims of one worker cannot exceed its capacity, none of an earlier life of the worker, told by its token, gets
 * anything, and none that was told to rest before). It counts what they run, behind the leases of theirs that are known to
 * have ended, reads the heads of the lanes they may serve, orders them by priority and by whose turn it is, takes as many
 * rows from each chosen lane as are its share, passing over those that others hold, and deals them out. The limits behind
 * `asked`, `slots`, `picked` and `numbered` change nothing but the planner's guess: without them, it expects a tenth of the
 * queue and reads whole tables (312 ms instead of 4 ms with 200,000 tasks waiting).
 */
const claimText = (limits: LimitParts): string => `
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
         w.launcher_accounts, w.isolation, w.coordinator_id,
         greatest(0, least(ask.max, w.capacity - live.running)) as free
  from asked ask join live on live.worker_id = ask.worker_id
    and (live.key_id = ask.key_id or ask.key_id = any (live.former_key_ids))
  join workers w on w.id = ask.worker_id
), kin as materialized (
  select * from worker
  where row(organization_id, labels, agent_types, launcher_names, launcher_accounts) is not distinct from (
    select row(organization_id, labels, agent_types, launcher_names, launcher_accounts) from worker where free > 0 order by at limit 1
  )
), slots as materialized (
  select kin.id as worker_id, kin.coordinator_id, kin.request_key, kin.actor, kin.isolation,
         row_number() over (order by turn, at) as slot
  from kin cross join generate_series(1, kin.free) as turn
  limit $2
), ${limits.rooms}eligible as materialized (
  select lane.id, lane.turn_id, lane.organization_id, lane.agent_type, lane.repository_id, o.max_concurrent, r.max_running
  from (
    select organization_id, labels, agent_types, launcher_names, launcher_accounts from kin where free > 0 limit 1
  ) w
  join queue_lanes lane on w.organization_id is null or lane.organization_id = w.organization_id
  left join agents a on a.agent_type = lane.agent_type
  left join organization_agents o on o.organization_id = lane.organization_id and o.agent_type = lane.agent_type
  left join repositories r on r.id = lane.repository_id and r.max_running is not null
  where (w.agent_types is null or lane.agent_type = any (w.agent_types))
    and lane.required_labels <@ w.labels and coalesce(o.enabled, a.enabled, false)
    and not exists (select from fleet_pauses paused where paused.organization_id = lane.organization_id)
    and (a.category = 'builtin' or (
      (w.launcher_names is null or o.launcher = '' or coalesce(o.launcher, a.launcher, $5) = any (w.launcher_names))
      and not exists (
        select from provider_limits p
        where p.organization_id = lane.organization_id and p.launcher = coalesce(o.launcher, a.launcher, $5)
          and p.account = coalesce(w.launcher_accounts ->> p.launcher, '') and p.until > now()
      )
    ))
), heads as materialized (
  select e.id as lane_id, e.turn_id, p.priority, h.run_at, h.task_id, ${limits.headColumns}
         row_number() over (partition by p.priority, e.turn_id order by h.run_at, h.task_id) as round
  from ${limits.lanes}
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
    from ${limits.heads} join queue_turns t on t.id = heads.turn_id
    where ${limits.fits}
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
  select d.task_id, ($3::uuid[])[d.slot] as execution_id, s.worker_id, s.coordinator_id, s.request_key, s.actor,
         s.isolation
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
  returning t.*, n.coordinator_id, n.request_key, n.actor as starter, n.isolation
), executions as (
  insert into agent_executions
    (id, organization_id, task_id, repository_id, attempt, agent_type, worker_id, coordinator_id, isolation, status, branch)
  select s.current_execution_id, s.organization_id, s.id, s.repository_id, s.attempts, s.agent_type, s.worker_id,
         s.coordinator_id, s.isolation, 'running', ${branchName('s')}
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
       coalesce(w.free, 0) = 0 or kin.id is not null as served, ${limits.verdict} as limited
from asked left join worker w on w.at = asked.at left join kin on kin.at = asked.at
left join started s on s.worker_id = asked.worker_id
order by s.priority, s.run_at, s.id`;

const IS_LIMITED = 'exists (select from eligible where max_concurrent is not null or max_running is not null)';

/** Where nothing that the workers may serve has a limit, which is told before anything is read of the queue. */
export const CLAIM = claimText({
  rooms: '',
  headColumns: '',
  lanes: `(select id, turn_id from eligible where not (select ${IS_LIMITED})) e`,
  heads: 'heads',
  fits: 'true',
  verdict: IS_LIMITED,
});

/** In which order tasks are taken, as far as the heads of lanes tell. */
const ORDER = 'h.priority, h.round, turn.served_at, h.run_at, h.task_id';

/**
 * Where some have one: no more is taken of their lanes together than there is room for. What runs is counted by a
 * statement that begins when these agents ($7) and repositories ($8) are locked, so that all who claim of them have
 * committed. Those that got a limit since then wait for the next claim. Of what has two limits, one claim may take less
 * than both allow, but never nothing: the first of all is the first of its agent and of its repository.
 */
export const CLAIM_WITHIN_LIMITS = claimText({
  rooms: `rooms as materialized (
  select o.organization_id, o.agent_type, o.max_concurrent - (
    select count(*) from tasks t
    where t.organization_id = o.organization_id and t.status = 'running' and t.agent_type = o.agent_type
      and t.worker_id is not null
  ) as room
  from (select * from jsonb_to_recordset($7::jsonb) as held (organization_id uuid, agent_type text)) held
  join organization_agents o on o.organization_id = held.organization_id and o.agent_type = held.agent_type
  where o.max_concurrent is not null
), repository_rooms as materialized (
  select r.id as repository_id, r.max_running - (
    select count(*) from tasks t
    where t.organization_id = r.organization_id and t.status = 'running' and t.repository_id = r.id
      and t.worker_id is not null
  ) as room
  from repositories r where r.id = any ($8::uuid[]) and r.max_running is not null
), `,
  headColumns: 'e.organization_id, e.agent_type, e.room, e.repository_id, e.repository_room,',
  lanes: `(
    select eligible.*, rooms.room, repository_rooms.room as repository_room from eligible
    left join rooms on rooms.organization_id = eligible.organization_id and rooms.agent_type = eligible.agent_type
    left join repository_rooms on repository_rooms.repository_id = eligible.repository_id
    where (max_concurrent is null or rooms.room > 0) and (max_running is null or repository_rooms.room > 0)
  ) e`,
  heads: `(
      select h.*, row_number() over (partition by h.organization_id, h.agent_type order by ${ORDER}) as place
      from (
        select h.*, row_number() over (partition by h.repository_id order by ${ORDER}) as repository_place
        from heads h join queue_turns turn on turn.id = h.turn_id
      ) h join queue_turns turn on turn.id = h.turn_id
      where h.repository_room is null or h.repository_place <= h.repository_room
    ) heads`,
  fits: 'heads.room is null or heads.place <= heads.room',
  verdict: 'false',
});
