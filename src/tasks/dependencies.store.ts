import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Task } from './task.entity.js';
import type { TaskStatus } from './task.states.js';

/** A task that others wait for, as those need to know it. */
export interface Dependency {
  id: string;
  name: string;
  status: TaskStatus;
}

/** A task with how many of its dependencies have not completed, and how many of these have ended without success. */
export interface OpenDependencies {
  task_id: string;
  status: TaskStatus;
  unmet: number;
  broken: number;
}

/** Who waits for whom. */
export interface Edge {
  task_id: string;
  depends_on_id: string;
}

/** Tasks that wait for some, for those of them that are blocked, and so on. */
const BEHIND = `
  with recursive behind (id) as (
    select task_id from task_dependencies where depends_on_id = any ($1::uuid[])
    union
    select d.task_id from behind b join tasks t on t.id = b.id and t.status = 'blocked'
    join task_dependencies d on d.depends_on_id = b.id
  )
  select t.id, t.status from tasks t where t.id in (select id from behind) order by t.id`;

/** Any number that no other advisory lock of this application uses; beside it stands a hash of the organization. */
const GRAPH_LOCK = 7_215_003;

/** Every query on which task waits for which. */
@Injectable()
export class DependenciesStore {
  constructor(private readonly database: Database) {}

  /** Makes changes of one organization's graph follow each other until the transaction ends: a cycle has several edges. */
  async lockGraph(organizationId: string): Promise<void> {
    await this.database.query('select pg_advisory_xact_lock($1, hashtext($2))', [GRAPH_LOCK, organizationId]);
  }

  /** The tasks of the organization among `ids`, locked against a change of their status until the transaction ends. */
  lockDependencies(organizationId: string, ids: readonly string[]): Promise<Dependency[]> {
    return this.database.query<Dependency>(
      'select id, name, status from tasks where organization_id = $1 and id = any ($2::uuid[]) order by id for share',
      [organizationId, ids],
    );
  }

  /**
   * Adds edges, the dependencies of a task in the order given. Edges that are there already are left alone. The tasks
   * waited for are locked before, so that none of them is deleted meanwhile.
   */
  insert(edges: readonly Edge[]): Promise<number> {
    if (edges.length === 0) return Promise.resolve(0);
    return this.database.count(
      `insert into task_dependencies (task_id, depends_on_id, place)
       select task_id, depends_on_id,
              at + coalesce((select max(place) from task_dependencies d where d.task_id = edge.task_id), 0)
       from rows from (jsonb_to_recordset($1::jsonb) as (task_id uuid, depends_on_id uuid)) with ordinality
         as edge (task_id, depends_on_id, at)
       on conflict do nothing`,
      [JSON.stringify(edges)],
    );
  }

  /** How many tasks a task waits for, met or not. */
  async countOf(taskId: string): Promise<number> {
    const row = await this.database.one<{ edges: number }>(
      'select count(*)::integer as edges from task_dependencies where task_id = $1',
      [taskId],
    );
    return row?.edges ?? 0;
  }

  /** False when there was no such edge. */
  async remove(taskId: string, dependsOnId: string): Promise<boolean> {
    const changed = await this.database.count(
      'delete from task_dependencies where task_id = $1 and depends_on_id = $2',
      [taskId, dependsOnId],
    );
    return changed > 0;
  }

  /** What a task waits for, in the order of its dependencies. */
  findDependencies(taskId: string): Promise<Task[]> {
    return this.database.query<Task>(
      `select t.* from task_dependencies d join tasks t on t.id = d.depends_on_id
       where d.task_id = $1 order by d.place, t.id`,
      [taskId],
    );
  }

  /** Tasks that wait for a task, the first created one first. */
  findDependents(taskId: string, after: string | null, limit: number): Promise<Task[]> {
    return this.database.query<Task>(
      `select t.* from task_dependencies d join tasks t on t.id = d.task_id
       where d.depends_on_id = $1 and ($2::uuid is null or t.id > $2) order by t.id limit $3`,
      [taskId, after, limit],
    );
  }

  /** Whether a task that has not begun depends on this one: it waits for it, or builds upon what it has made. */
  async isNeeded(taskId: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from task_dependencies d join tasks t on t.id = d.task_id
       where d.depends_on_id = $1 and t.status in ('blocked', 'pending') limit 1`,
      [taskId],
    );
    return row !== null;
  }

  /**
   * Locks the tasks that wait for these, in the order of their ids, whatever their status: one that is just being
   * retried has not seen the change of these tasks, so the change must see it. What each of them is then is to be asked
   * in a later statement.
   */
  async lockDependents(taskIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select t.id from tasks t where t.id in (select task_id from task_dependencies where depends_on_id = any ($1::uuid[]))
       order by t.id for no key update`,
      [taskIds],
    );
    return rows.map(({ id }) => id);
  }

  /** Locks the tasks behind some, through all that are blocked, as `findBehind` then tells them. */
  lockBehind(taskIds: readonly string[]): Promise<{ id: string; status: TaskStatus }[]> {
    return this.database.query(`${BEHIND} for no key update`, [taskIds]);
  }

  /** The tasks behind some, through all that are blocked. */
  findBehind(taskIds: readonly string[]): Promise<{ id: string; status: TaskStatus }[]> {
    return this.database.query(BEHIND, [taskIds]);
  }

  /** The edges that lead to some tasks and to all that are blocked behind them, with what those who wait are. */
  findEdgesTo(taskIds: readonly string[]): Promise<(Edge & { status: TaskStatus })[]> {
    return this.database.query(
      `with recursive reached (id) as (
         select unnest($1::uuid[])
         union
         select d.task_id from reached r join task_dependencies d on d.depends_on_id = r.id
         join tasks t on t.id = d.task_id and t.status = 'blocked'
       )
       select d.task_id, d.depends_on_id, t.status
       from reached r join task_dependencies d on d.depends_on_id = r.id join tasks t on t.id = d.task_id`,
      [taskIds],
    );
  }

  /** To be asked behind the lock of the tasks, in a statement of its own: only then it sees what others have committed. */
  countOpen(taskIds: readonly string[]): Promise<OpenDependencies[]> {
    return this.database.query<OpenDependencies>(
      `select t.id as task_id, t.status,
              count(p.id) filter (where p.status <> 'completed')::integer as unmet,
              count(p.id) filter (where p.status in ('failed', 'cancelled', 'skipped'))::integer as broken
       from tasks t left join task_dependencies d on d.task_id = t.id left join tasks p on p.id = d.depends_on_id
       where t.id = any ($1::uuid[]) group by t.id order by t.id`,
      [taskIds],
    );
  }

  /**
   * The way from one task to another along dependencies, both included; null when there is none. What has completed is
   * not passed through: its own dependencies have completed too, and nothing waits for it.
   */
  async findPath(fromId: string, toId: string): Promise<Dependency[] | null> {
    const steps = await this.database.query<{ id: string; came_from: string | null }>(
      `with recursive walk (id, came_from) as (
         select $1::uuid, null::uuid
         union
         select d.depends_on_id, d.task_id from walk w join tasks t on t.id = w.id and t.status <> 'completed'
         join task_dependencies d on d.task_id = w.id
       )
       select id, came_from from walk where exists (select from walk where id = $2::uuid)`,
      [fromId, toId],
    );
    if (steps.length === 0) return null;
    // Any way will do, and there is no going round: what is there has no cycle.
    const cameFrom = new Map(steps.map(({ id, came_from }) => [id, came_from]));
    const path = [toId];
    for (let at = cameFrom.get(toId); at != null; at = cameFrom.get(at)) path.unshift(at);
    return this.database.query<Dependency>(
      `select t.id, t.name, t.status from unnest($1::uuid[]) with ordinality as step (id, at)
       join tasks t on t.id = step.id order by at`,
      [path],
    );
  }
}
