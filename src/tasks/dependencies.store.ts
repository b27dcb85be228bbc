import { Injectable } from '@nestjs/common';
import { violates } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import type { Task } from './task.entity.js';
import type { TaskStatus } from './task.states.js';

/** A task that others wait for, as those need to know it. */
export interface Dependency {
  id: string;
  name: string;
  status: TaskStatus;
}

/** How many dependencies of a task have not completed, and how many of these have ended without success. */
export interface OpenDependencies {
  task_id: string;
  unmet: number;
  broken: number;
}

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

  /** Adds edges, the dependencies of a task in the order given. Edges that are there already are left alone. */
  async insert(edges: readonly { task_id: string; depends_on_id: string }[]): Promise<number> {
    if (edges.length === 0) return 0;
    try {
      return await this.database.count(
        `insert into task_dependencies (task_id, depends_on_id, place)
         select task_id, depends_on_id,
                at + coalesce((select max(place) from task_dependencies d where d.task_id = edge.task_id), 0)
         from rows from (jsonb_to_recordset($1::jsonb) as (task_id uuid, depends_on_id uuid)) with ordinality
           as edge (task_id, depends_on_id, at)
         on conflict do nothing`,
        [JSON.stringify(edges)],
      );
    } catch (error) {
      // Deleted since it was looked up: nothing waits for what is not there.
      if (violates(error, 'task_dependencies_depends_on_id_fkey')) return 0;
      throw error;
    }
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

  /** Tasks that wait for a task, the first created one first; one more than the limit. */
  findDependents(taskId: string, after: string | null, limit: number): Promise<Task[]> {
    return this.database.query<Task>(
      `select t.* from task_dependencies d join tasks t on t.id = d.task_id
       where d.depends_on_id = $1 and ($2::uuid is null or t.id > $2) order by t.id limit $3`,
      [taskId, after, limit],
    );
  }

  /** Whether a task waits for this one that would wait for ever without it. */
  async isNeeded(taskId: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from task_dependencies d join tasks t on t.id = d.task_id
       where d.depends_on_id = $1 and t.status = 'blocked' limit 1`,
      [taskId],
    );
    return row !== null;
  }

  /** Locks tasks that wait for this one and have one of the statuses, in the order of their ids. */
  lockDependents(taskId: string, statuses: readonly TaskStatus[]): Promise<Pick<Task, 'id' | 'status'>[]> {
    return this.database.query<Pick<Task, 'id' | 'status'>>(
      `select t.id, t.status from tasks t where t.status = any ($2)
         and t.id in (select task_id from task_dependencies where depends_on_id = $1)
       order by t.id for no key update`,
      [taskId, statuses],
    );
  }

  /** Locks blocked tasks that wait for this one, for one of those, and so on, in the order of their ids. */
  async lockBlockedBehind(taskId: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `with recursive behind (id) as (
         select task_id from task_dependencies where depends_on_id = $1
         union
         select d.task_id from behind b join tasks t on t.id = b.id and t.status = 'blocked'
         join task_dependencies d on d.depends_on_id = b.id
       )
       select t.id from tasks t where t.status = 'blocked' and t.id in (select id from behind)
       order by t.id for no key update`,
      [taskId],
    );
    return rows.map(({ id }) => id);
  }

  /** To be asked behind the lock of the tasks, in a statement of its own: only then it sees what others have committed. */
  countOpen(taskIds: readonly string[]): Promise<OpenDependencies[]> {
    return this.database.query<OpenDependencies>(
      `select id as task_id,
              count(p.id) filter (where p.status <> 'completed')::integer as unmet,
              count(p.id) filter (where p.status in ('failed', 'cancelled', 'skipped'))::integer as broken
       from unnest($1::uuid[]) as id
       left join task_dependencies d on d.task_id = id left join tasks p on p.id = d.depends_on_id
       group by id order by id`,
      [taskIds],
    );
  }

  /** The way from one task to another along dependencies, both included; null when there is none. */
  async findPath(fromId: string, toId: string): Promise<Dependency[] | null> {
    const row = await this.database.one<{ path: string[] }>(
      `with recursive walk (id, came_from) as (
         select $1::uuid, null::uuid
         union
         select d.depends_on_id, d.task_id from walk w join task_dependencies d on d.task_id = w.id
       ), steps as (
         select distinct on (id) id, came_from from walk
       ), back (id, path) as (
         select $2::uuid, array[$2::uuid] from steps where id = $2
         union all
         select s.came_from, s.came_from || b.path from back b join steps s on s.id = b.id
         where s.came_from is not null and b.id <> $1 and not s.came_from = any (b.path)
       )
       select path from back where id = $1 limit 1`,
      [fromId, toId],
    );
    if (row === null) return null;
    const tasks = await this.database.query<Dependency>(
      `select t.id, t.name, t.status from unnest($1::uuid[]) with ordinality as step (id, at)
       join tasks t on t.id = step.id order by at`,
      [row.path],
    );
    return tasks;
  }
}
