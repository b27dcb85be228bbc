import type pg from 'pg';

/**
 * Rows of each table: enough that reading a table from end to end is never what the planner should choose, few enough
 * that they are there within seconds.
 */
const ROWS = {
  organizations: 3880,
  users: 6000,
  sessions: 8000,
  keys: 8000,
  invitations: 6000,
  sign_ins: 6000,
  audit_entries: 12_000,
  repositories: 3880,
  workers: 3880,
  samples: 12_000,
  lanes: 3880,
  tasks: 40_000,
  deployments: 12_000,
  log_entries: 42_000,
  events: 40_000,
  outbox: 10_000,
  held_keys: 12_000,
  waiting: 4000,
};

/** Hosts are few beside what they do. */
const COORDINATORS = 400;

/**
 * Every tenth row, spread over all pages, belongs to the organization that the statements are about; the others to
 * many. A number and the same plus 3880, which 97 divides, belong to the same one.
 */
const OWNER = `case when n * 31 % 97 < 10 then $1::uuid else id_of(1, n % ${ROWS.organizations}) end`;

/** Fifteen tasks of a hundred wait, two are blocked, ten run; the others have ended, now and then without success. */
const STATUS = `case when n % 100 < 15 then 'pending' when n % 100 < 17 then 'blocked' when n % 100 < 27 then 'running'
  when n % 100 < 32 then 'failed' when n % 100 < 34 then 'cancelled' when n % 100 < 35 then 'skipped' else 'completed' end`;

/** A thing of the filled data by its number: what the numbers mean is said by the statements below. */
export const filledId = (kind: number, n: number): string =>
  `0190000${kind.toString(16)}-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** Kinds of ids, for `filledId`. */
export const KIND = {
  organization: 1,
  user: 2,
  repository: 3,
  worker: 4,
  task: 5,
  execution: 6,
  coordinator: 13,
  deployment: 14,
} as const;

const series = (rows: number): string => `generate_series(1, ${rows}) n`;
const AGE = (rows: number): string => `now() - make_interval(secs => (${rows} - n) * 58.4)`;
const LABELS = `case when n % 40 = 0 then array['gpu'] else '{}'::text[] end`;
const ENDED = `(${STATUS}) not in ('pending', 'blocked', 'running')`;
const AGENT = `(array['note', 'codegen', 'review', 'test'])[1 + n % 4]`;
const USER = `id_of(2, 1 + n % ${ROWS.users})`;
const ACTOR = `jsonb_build_object('type', 'user', 'id', ${USER}, 'login', 'user-' || 1 + n % ${ROWS.users}, 'trigger', null)`;
/** Number of the repository, the lane and the worker of a task. */
const PLACE = `1 + (n - 1) % ${ROWS.lanes}`;

const FILL: Readonly<Record<string, string>> = {
  users: `insert into users (id, github_id, login, github_login_at)
    select id_of(2, n), 100000000 + n, 'user-' || n, case when n % 2 = 0 then now() end from ${series(ROWS.users)}`,
  organizations: `insert into organizations (id, name, personal_for)
    select id_of(1, n), 'organization ' || n, id_of(2, n + 1) from generate_series(0, ${ROWS.organizations - 1}) n`,
  organization_members: `insert into organization_members (organization_id, user_id, role, created_at)
    select ${OWNER}, id_of(2, n), (array['member', 'viewer', 'admin', 'owner'])[1 + n % 4], ${AGE(ROWS.users)}
    from ${series(ROWS.users)}`,
  sessions: `insert into sessions (id, user_id, organization_id, origin, created_at, expires_at, ends_at)
    select id_of(7, n), ${USER}, ${OWNER}, 'github', ${AGE(ROWS.sessions)},
      now() + make_interval(secs => n), now() + interval '30 days' from ${series(ROWS.sessions)}`,
  refresh_tokens: `insert into refresh_tokens (id, session_id, token_hash, expires_at, used_at)
    select id_of(8, n), id_of(7, 1 + n % ${ROWS.sessions}), sha256(('token ' || n)::bytea),
      now() + interval '1 day', case when n % 3 > 0 then now() end from generate_series(1, ${3 * ROWS.sessions}) n`,
  access_keys: `insert into access_keys (id, organization_id, kind, worker_id, name, prefix, permissions, secret_hash, created_by, created_at)
    select id_of(9, n), ${OWNER}, case when n % 8 < 4 then 'worker' else 'api_key' end,
      case when n % 8 < 4 then id_of(4, ${PLACE}) end, 'key ' || n, 'myk_abcd', '{tasks.read}',
      sha256(('key ' || n)::bytea), case when n % 8 >= 4 then ${USER} end, ${AGE(ROWS.keys)} from ${series(ROWS.keys)}`,
  invitations: `insert into invitations (id, organization_id, login, role, status, invited_by, created_at, expires_at)
    select id_of(10, n), ${OWNER}, 'invited-' || n, 'member', (array['pending', 'accepted', 'declined'])[1 + n % 3],
      ${USER}, ${AGE(ROWS.invitations)}, now() + interval '7 days' from ${series(ROWS.invitations)}`,
  device_grants: `insert into device_grants (id, device_code_hash, user_code_hash, client_name, interval_seconds, expires_at)
    select id_of(11, n), sha256(('device ' || n)::bytea), sha256(('user ' || n)::bytea), 'cli', 5,
      now() + make_interval(secs => n) from ${series(ROWS.sign_ins)}`,
  oauth_states: `insert into oauth_states (state_hash, browser_hash, sealed_verifier, redirect, expires_at)
    select sha256(('state ' || n)::bytea), sha256(('browser ' || n)::bytea), 'sealed', '/', now() + make_interval(secs => n * 60)
    from ${series(ROWS.sign_ins)}`,
  github_tokens: `insert into github_tokens (user_id, sealed_token, key_id, scopes)
    select id_of(2, n), repeat('x', 80), 'key ' || n % 3, '{read:user}' from ${series(ROWS.users)}`,
  audit_entries: `insert into audit_entries (id, organization_id, actor, action, subject, data, created_at)
    select id_of(12, n), case when n % 50 > 0 then ${OWNER} end, ${ACTOR},
      (array['session.created', 'member.invited', 'key.created', 'repository.registered'])[1 + n % 4],
      jsonb_build_object('id', id_of(3, n)), '{}', ${AGE(ROWS.audit_entries)} from ${series(ROWS.audit_entries)}`,
  rate_limits: `insert into rate_limits (key, points, expire)
    select 'sign-in:' || n, 1, extract(epoch from now()) * 1000 + n * 60000 from ${series(ROWS.sign_ins)}`,
  idempotency_keys: `insert into idempotency_keys (scope_hash, request_hash, status, headers, body, expires_at)
    select sha256(('scope ' || n)::bytea), sha256(('request ' || n)::bytea), 201, '{}', '{}', now() + make_interval(secs => n * 60)
    from ${series(ROWS.keys)}`,
  repositories: `insert into repositories (id, organization_id, full_name, local_path, source_key, status, created_at,
      sealed_credentials, credentials_key_id)
    select id_of(3, n), ${OWNER}, 'acme/repository-' || n, '/nowhere/' || n, '/nowhere/' || n, 'ready', ${AGE(ROWS.repositories)},
      case when n % 4 = 1 then 'sealed' end, case when n % 4 = 1 then 'key 1' end from ${series(ROWS.repositories)}`,
  coordinators: `insert into coordinators (id, organization_id, name, host, registered_at, last_heartbeat, told_health, told_lost)
    select id_of(13, n), case when n % 40 > 0 then ${OWNER} end, 'coordinator ' || n, 'host', now() - make_interval(secs => n),
      now() - make_interval(secs => n * 3),
      case when n < 20 then 'healthy' when n < 100 then 'degraded' else 'unhealthy' end, n >= 100
    from generate_series(0, ${COORDINATORS - 1}) n`,
  coordinator_metrics: `insert into coordinator_metrics (id, coordinator_id, recorded_at, metrics)
    select id_of(14, n), id_of(13, n % ${COORDINATORS}), ${AGE(ROWS.samples)}, '{"cpu_usage": 1}'
    from ${series(ROWS.samples)}`,
  deployments: `insert into deployments (id, organization_id, repository_id, version, commit_sha, environment, status, source, actor,
      deployed_by, released_at, version_key, created_at, started_at, completed_at)
    select id_of(14, n), ${OWNER}, id_of(3, ${PLACE}), 'v1.' || n || '.0', lpad(to_hex(n), 40, '0'),
      (array['production', 'staging'])[1 + n % 2], (array['success', 'failed', 'in_progress', 'rolled_back', 'recorded'])[1 + n % 5],
      'api', ${ACTOR}, 'user-1', ${AGE(ROWS.deployments)}, decode(lpad(to_hex(n), 16, '0'), 'hex'), ${AGE(ROWS.deployments)},
      ${AGE(ROWS.deployments)}, ${AGE(ROWS.deployments)} from ${series(ROWS.deployments)}`,
  deployment_environments: `insert into deployment_environments (organization_id, repository_id, environment)
    select ${OWNER}, id_of(3, n), e from ${series(ROWS.repositories)}, unnest(array['production', 'staging']) e`,
  workers: `insert into workers (id, organization_id, name, coordinator_id, labels, agent_types, launcher_names, capacity, registered_at, told_health, told_lost)
    select id_of(4, n), case when n % 40 > 0 then ${OWNER} end, 'worker ' || n, id_of(13, n % ${COORDINATORS}), ${LABELS},
      case when n % 3 = 0 then array[${AGENT}] end, case when n % 3 = 1 then array['claude'] end, 4, ${AGE(ROWS.workers)},
      case when n % 1200 < 60 then 'healthy' when n % 1200 < 300 then 'degraded' else 'unhealthy' end, n % 1200 >= 300
    from ${series(ROWS.workers)}`,
  worker_liveness: `insert into worker_liveness (worker_id, last_heartbeat, key_id, completed)
    select id_of(4, n), now() - make_interval(secs => n % 1200), id_of(9, n), n % 100 from ${series(ROWS.workers)}`,
  queue_turns: `insert into queue_turns (key, served_at)
    select ${OWNER} || '/' || id_of(3, n), ${AGE(ROWS.lanes)} from ${series(ROWS.lanes)} order by n`,
  queue_lanes: `insert into queue_lanes (key, turn_id, organization_id, repository_id, agent_type, required_labels)
    select 'lane ' || n, n, ${OWNER}, id_of(3, n), ${AGENT}, ${LABELS} from ${series(ROWS.lanes)} order by n`,
  queue_heads: `insert into queue_heads (lane_id, priority)
    select id, priority from queue_lanes cross join (values ('P0'), ('P1'), ('P2')) as p (priority)`,
  tasks: `insert into tasks (id, organization_id, actor, repository_id, name, description, status, priority, agent_type,
      issue_number, required_labels, concurrency_key, run_at, worker_id, current_execution_id, attempts, lane_id,
      created_at, updated_at, started_at, completed_at)
    select id_of(5, n), ${OWNER}, ${ACTOR}, id_of(3, ${PLACE}), 'task ' || n, 'Make the button blue.', ${STATUS},
      (array['P0', 'P1', 'P2', 'P2', 'P2'])[1 + n % 5], ${AGENT}, n % 1000, ${LABELS},
      case when n % 100 < 2 then 'deploy ' || n % 5 end, ${AGE(ROWS.tasks)},
      case when n % 100 >= 17 then id_of(4, ${PLACE}) end,
      case when n % 100 >= 17 then id_of(6, n) end, 1, ${PLACE}, ${AGE(ROWS.tasks)}, ${AGE(ROWS.tasks)},
      case when n % 100 >= 17 then ${AGE(ROWS.tasks)} end, case when ${ENDED} then ${AGE(ROWS.tasks)} end
    from ${series(ROWS.tasks)}`,
  task_dependencies: `insert into task_dependencies (task_id, depends_on_id, place)
    select id_of(5, n), id_of(5, n - d * 4), d from ${series(ROWS.tasks)}, generate_series(1, 2) d
    where n % 100 > 50 and n > 100 or n % 100 in (15, 16)`,
  task_counts: `insert into task_counts (organization_id, repository_id, agent_type, status, priority, tasks)
    select ${OWNER}, id_of(3, n), a, s, 'P2', 3 from ${series(ROWS.repositories)},
      unnest(array['note', 'codegen']) a, unnest(array['pending', 'completed', 'failed']) s`,
  task_count_changes: `insert into task_count_changes (organization_id, repository_id, agent_type, status, priority, change)
    select ${OWNER}, id_of(3, n), ${AGENT}, 'completed', 'P2', 1 from ${series(ROWS.waiting)}`,
  organization_agents: `insert into organization_agents (organization_id, agent_type, id, enabled, max_concurrent)
    select id_of(1, n), 'note', 'note', true, case when n % 50 = 0 then 2 end from ${series(ROWS.organizations - 1)}`,
  agent_counts: `insert into agent_counts (organization_id, agent_type, completed, failed, seconds)
    select id_of(1, n), a, 30, 2, 900 from ${series(ROWS.organizations - 1)}, unnest(array['note', 'codegen', 'review', 'test']) a`,
  agent_count_changes: `insert into agent_count_changes (organization_id, agent_type, completed, failed, seconds)
    select ${OWNER}, ${AGENT}, 1, 0, 30 from ${series(ROWS.waiting)}`,
  provider_limits: `insert into provider_limits (id, organization_id, launcher, account, reason, until, reported_by)
    select id_of(13, n), id_of(1, n), 'claude', '', 'quota', now() + make_interval(secs => n - 3000), id_of(6, n)
    from ${series(ROWS.organizations - 1)}`,
  queue_entries: `insert into queue_entries (task_id, lane_id, priority, run_at)
    select id, lane_id, priority, run_at from tasks where status = 'pending' and concurrency_key is null`,
  concurrency_keys: `insert into concurrency_keys (organization_id, key, task_id)
    select ${OWNER}, 'build ' || n, id_of(5, 2000000 + n) from ${series(ROWS.held_keys)}`,
  concurrency_waits: `insert into concurrency_waits (task_id, organization_id, key, lane_id, agent_type, priority, run_at)
    select id_of(5, n), case when n % 10 = 7 then $1::uuid else id_of(1, n % 10) end, 'deploy ' || n % 3, ${PLACE}, ${AGENT}, 'P2', now() - interval '1 hour'
    from generate_series(1000001, 1000000 + ${ROWS.waiting}) n`,
  agent_executions: `insert into agent_executions (id, organization_id, task_id, repository_id, attempt, agent_type, worker_id, status,
      started_at, finished_at, branch, commit_sha, log_entries)
    select current_execution_id, organization_id, id, repository_id, 1, agent_type, worker_id,
      case when status = 'skipped' then 'failed' else status end, started_at, completed_at, 'task/' || id || '-a1',
      -- One that is asked for its changes has none.
      case when current_execution_id <> id_of(6, 97) then md5(id::text) || '00000000' end, 60
    from tasks where current_execution_id is not null`,
  worker_checkouts: `insert into worker_checkouts (id, organization_id, repository_id, worker_id, path, dirty, unpushed, merged, size_bytes,
      created_at, changed_at, removal_requested_at)
    select id, organization_id, repository_id, worker_id, '/var/lib/miyabi/' || id, false, false, true, 1000, started_at, started_at,
      case when attempt = 2 then now() end from agent_executions where worker_id is not null`,
  execution_sights: `insert into execution_sights (execution_id, commit_sha, seen_at)
    select id, commit_sha, started_at from agent_executions where commit_sha is not null`,
  linked_worktrees: `insert into linked_worktrees (id, organization_id, repository_id, name, created_at)
    select id_of(14, r.n * 100 + w), organization_id, id, convert_to('wt-' || w, 'UTF8'), ${AGE(ROWS.repositories * 20)}
    from (select row_number() over () as n, * from repositories) r, generate_series(1, 4) w`,
  leases: `insert into leases (execution_id, task_id, worker_id, expires_at, deadline_at, cancel_requested_at)
    select current_execution_id, id, worker_id, case when issue_number = 13 then now() - interval '1 minute' else 'infinity' end,
      case when issue_number = 14 then now() - interval '1 minute' else 'infinity' end, case when issue_number = 12 then now() end
    from tasks where status = 'running'`,
  execution_logs: `insert into execution_logs (execution_id, seq, level, stream, message, logged_at)
    select id_of(6, 18 + e * 50), seq, case when seq % 20 = 0 then 'error' else 'info' end, 'stdout', 'line ' || seq, now()
    from generate_series(1, ${ROWS.log_entries / 60}) e, generate_series(0, 59) seq`,
  removed_logs: `insert into removed_logs (execution_id) select id_of(6, 5000000 + n) from ${series(ROWS.tasks)}`,
  execution_checkpoints: `insert into execution_checkpoints (execution_id, checkpoint)
    select id, '{"step": 3}' from agent_executions where attempt = 1 limit ${ROWS.waiting}`,
  events: `insert into events (organization_id, type, actor, subject, data, created_at)
    select ${OWNER}, (array['task.created', 'task.started', 'task.completed', 'execution.started'])[1 + n % 4],
      ${ACTOR}, jsonb_build_object('task_id', id_of(5, n)), '{}', ${AGE(ROWS.events)}
    from ${series(ROWS.events)} order by n`,
  event_outbox: `insert into event_outbox (organization_id, type, actor, subject)
    select ${OWNER}, 'task.created', ${ACTOR}, jsonb_build_object('task_id', id_of(5, n)) from ${series(ROWS.outbox)}`,
};

/** Tables that stay small, whatever becomes of the others. */
export const SMALL: Readonly<Record<string, string>> = {
  agents: 'the catalogue: some two dozen entries',
  coordinators: 'one row for each host that runs workers',
  duty_runs: 'one row for each duty',
  event_marks: 'one row for each who takes all events',
  fleet_pauses: 'one row for each organization that has stopped its whole fleet',
  migrations: 'one row for each migration',
};

/** Tables that are filled. */
export const FILLED: readonly string[] = Object.keys(FILL).filter((name) => !(name in SMALL));

/** Fills every table but the small ones; tells which ones it knows nothing of. Statistics stay as they are from then on. */
export async function fillDatabase(sql: pg.Client, organizationId: string): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  await sql.query('begin');
  // What refers to what is there by construction, and counting row by row would take most of the time.
  await sql.query(`set local session_replication_role = replica`);
  await sql.query(`
    create function pg_temp.id_of(kind integer, n bigint) returns uuid language sql immutable parallel safe
    return ('0190000' || to_hex(kind) || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`);
  await sql.query('set local search_path = public, pg_temp');
  for (const statement of Object.values(FILL)) {
    const filled = statement.replaceAll('id_of(', 'pg_temp.id_of(');
    await (filled.includes('$1') ? sql.query(filled, [organizationId]) : sql.query(filled));
  }
  for (const { name } of rows) await sql.query(`alter table ${name} set (autovacuum_enabled = false)`);
  await sql.query('analyze');
  await sql.query('commit');
  return rows.map(({ name }) => name).filter((name) => !(name in FILL) && !(name in SMALL));
}
