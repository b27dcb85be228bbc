import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { newId } from '../ids.js';
import { CLAIM, CLAIM_WITHIN_LIMITS } from './claim-statement.js';
import type { Usage } from './usage.js';

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
  /** Whether nothing was given to anybody because there are limits, which are to be looked at first. */
  limited: boolean;
}

/** Of what only so many executions may run at a time. */
interface Limited {
  agents: readonly LimitedAgent[];
  repositories: readonly string[];
}

/** An agent of which only so many executions may run at a time. */
interface LimitedAgent {
  organization_id: string;
  agent_type: string;
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

/** What earlier attempts at a task and its dependencies left for an attempt. */
export interface Heritage {
  execution_id: string;
  /** Last checkpoint of an earlier attempt; null when there is none. */
  checkpoint: unknown;
  /** The last earlier attempt that left a pushed branch or a session. */
  previous_id: string | null;
  previous_branch: string | null;
  previous_session_id: string | null;
  /** What all attempts of that session used together. */
  session_usage: Usage | null;
  /** Branches of its dependencies in the same repository, in the order of these. */
  merge_refs: string[];
}

/** Looked up by tasks: each has few attempts and few dependencies. */
const HERITAGE = `
  select e.id as execution_id, saved.checkpoint, before.id as previous_id, before.branch as previous_branch,
         before.session_id as previous_session_id,
         case when before.session_id is not null then (
           select usage_total(x.usage) from agent_executions x
           where x.task_id = e.task_id and x.session_id = before.session_id
         ) end as session_usage,
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

const isGiven = (row: DealtRow): row is DealtRow & ClaimedRow => row.execution_id !== null;

const givenBy = ({
  execution_id,
  task_id,
  organization_id,
  agent_type,
  repository_id,
  lane_id,
}: ClaimedRow): ClaimedRow => ({
  execution_id,
  task_id,
  organization_id,
  agent_type,
  repository_id,
  lane_id,
});

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
    let limited: Limited | null = null;
    for (let left = requests.filter(({ worker_id }) => !given.has(worker_id)); left.length > 0;) {
      const [rows] = await Promise.all([this.claimOfKin(left, limited), locked]);
      if (limited === null && rows.some((row) => row.limited)) {
        limited = await this.lockLimited(left);
        continue;
      }
      for (const row of rows) {
        const { worker_id } = row;
        if (isGiven(row)) given.set(worker_id, [...(given.get(worker_id) ?? []), givenBy(row)]);
      }
      const served = new Set(rows.filter((row) => row.served).map((row) => row.worker_id));
      left = left.filter(({ worker_id }) => !served.has(worker_id));
    }
    return given;
  }

  private claimOfKin(requests: readonly ClaimRequest[], limited: Limited | null): Promise<DealtRow[]> {
    const most = requests.reduce((sum, { max }) => sum + max, 0);
    return this.database.query<DealtRow>(limited === null ? CLAIM : CLAIM_WITHIN_LIMITS, [
      JSON.stringify(requests.map((request, at) => ({ ...request, at }))),
      most,
      Array.from({ length: most }, newId),
      this.config.lease_seconds,
      this.config.agent_cli,
      requests.length,
      ...(limited === null ? [] : [JSON.stringify(limited.agents), limited.repositories]),
    ]);
  }

  /**
   * Agents and repositories with a limit that have something to do, of those whom the workers may serve. They stay locked
   * until the transaction ends, and are locked in one order, so that claims of them come one after the other.
   */
  private async lockLimited(requests: readonly ClaimRequest[]): Promise<Limited> {
    const workers = requests.map(({ worker_id }) => worker_id);
    const [agents, repositories] = await Promise.all([this.lockAgents(workers), this.lockRepositories(workers)]);
    return { agents, repositories: repositories.map(({ id }) => id) };
  }

  private lockAgents(workers: readonly string[]): Promise<LimitedAgent[]> {
    return this.database.query<LimitedAgent>(
      `select o.organization_id, o.agent_type from organization_agents o
       where o.max_concurrent is not null and exists (
         select from workers w where w.id = any ($1::uuid[])
           and (w.organization_id is null or w.organization_id = o.organization_id)
       ) and exists (
         select from queue_lanes lane join queue_heads head on head.lane_id = lane.id
         join queue_entries q on q.lane_id = lane.id and q.priority = head.priority and q.run_at >= head.run_at
         where lane.organization_id = o.organization_id and lane.agent_type = o.agent_type and q.run_at <= now()
       )
       order by o.organization_id, o.agent_type for update of o`,
      [workers],
    );
  }

  /** Locked so that executions of them may still be written down meanwhile. */
  private lockRepositories(workers: readonly string[]): Promise<{ id: string }[]> {
    return this.database.query<{ id: string }>(
      `select r.id from repositories r
       where r.max_running is not null and exists (
         select from workers w where w.id = any ($1::uuid[])
           and (w.organization_id is null or w.organization_id = r.organization_id)
       ) and exists (
         select from queue_lanes lane join queue_heads head on head.lane_id = lane.id
         join queue_entries q on q.lane_id = lane.id and q.priority = head.priority and q.run_at >= head.run_at
         where lane.organization_id = r.organization_id and lane.repository_id = r.id and q.run_at <= now()
       )
       order by r.id for no key update of r`,
      [workers],
    );
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
