import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** A pending task with an exclusive key, as its queue entry will be made of. */
export interface KeyedTask {
  task_id: string;
  organization_id: string;
  key: string;
  lane_id: number;
  agent_type: string;
  priority: string;
}

/** A task that waits for its key. */
export interface KeyWait {
  key: string;
  /** Null when nobody has it: then the time of the task has not come. */
  holder_id: string | null;
  run_at: Date;
  ready: boolean;
}

/** A task that wants its key, and when it may start. */
export interface Applicant extends KeyedTask {
  run_at: Date | string;
  /** Its place among those that wait, when it has one already. */
  waits_since?: Date;
}

/** A key is handed on in a transaction that may have begun before the next one came to wait: `now()` would not see it. */
const HEAD = `
  select task_id, organization_id, key, lane_id, agent_type, priority from concurrency_waits
  where organization_id = $1 and key = $2 and run_at <= statement_timestamp()
  order by priority, run_at, task_id limit 1`;

const APPLICANTS = `jsonb_to_recordset($1::jsonb) as task (task_id uuid, organization_id uuid, key text, lane_id integer,
  agent_type text, priority text, run_at timestamptz, waits_since timestamptz)`;

/**
 * Exclusive keys. A task is queued only while it holds its key; the others wait outside of the queue, so that a claim
 * need not check anything. Whoever gives a key away locks its row first and looks for waiting tasks after that, and
 * whoever finds it taken locks it before it waits: so nobody waits for a key that nobody holds.
 */
@Injectable()
export class ConcurrencyStore {
  constructor(private readonly database: Database) {}

  /** Takes the keys of tasks; those whose key another one has, or whose time has not come, wait. Gives who has its key. */
  async acquireAll(tasks: readonly Applicant[]): Promise<ReadonlySet<string>> {
    const holding = new Set<string>();
    for (let left = tasks; left.length > 0;) {
      const found = await this.takeOrLock(left);
      found.filter(({ holder_id, task_id }) => holder_id === task_id).forEach(({ task_id }) => holding.add(task_id));
      const waiting = new Set(
        found.filter((one) => (one.holder_id ?? one.task_id) !== one.task_id || one.is_later).map((one) => one.task_id),
      );
      await this.insertWaits(left.filter(({ task_id }) => waiting.has(task_id) && !holding.has(task_id)));
      // Keys that were given away between the two looks are free now.
      left = left.filter(({ task_id }) => !waiting.has(task_id) && !holding.has(task_id));
    }
    return holding;
  }

  /** Gives the key of a task to the next that waits for it and whose time has come; null when it had none or none waits. */
  async release(taskId: string): Promise<KeyedTask | null> {
    const held = await this.database.one<{ organization_id: string; key: string }>(
      'select organization_id, key from concurrency_keys where task_id = $1 for update',
      [taskId],
    );
    if (held === null) return null;
    const next = await this.database.one<KeyedTask>(`${HEAD} for update skip locked`, [held.organization_id, held.key]);
    if (next === null) {
      await this.database.query('delete from concurrency_keys where task_id = $1', [taskId]);
      return null;
    }
    await this.database.query('delete from concurrency_waits where task_id = $1', [next.task_id]);
    await this.database.query('update concurrency_keys set task_id = $2 where task_id = $1', [taskId, next.task_id]);
    return next;
  }

  /** Keys that nobody holds although a task waits whose time has come. Goes from key to key, however many wait for one. */
  findIdle(limit: number): Promise<{ organization_id: string; key: string }[]> {
    return this.database.query(
      `with recursive waited (organization_id, key) as (
         (select organization_id, key from concurrency_waits order by organization_id, key limit 1)
         union all
         select next.organization_id, next.key from waited cross join lateral (
           select w.organization_id, w.key from concurrency_waits w
           where (w.organization_id, w.key) > (waited.organization_id, waited.key)
           order by w.organization_id, w.key limit 1
         ) next
       )
       select organization_id, key from waited
       where not exists (
         select from concurrency_keys k where k.organization_id = waited.organization_id and k.key = waited.key
       ) and exists (
         select from concurrency_waits w
         where w.organization_id = waited.organization_id and w.key = waited.key and w.run_at <= now()
       ) limit $1`,
      [limit],
    );
  }

  /** Gives a key that nobody holds to the task that is next; null when somebody was faster. */
  async promote(organizationId: string, key: string): Promise<KeyedTask | null> {
    const next = await this.database.one<KeyedTask>(`${HEAD} for update skip locked`, [organizationId, key]);
    if (next === null) return null;
    const taken = await this.database.count(
      'insert into concurrency_keys (organization_id, key, task_id) values ($1, $2, $3) on conflict do nothing',
      [organizationId, key, next.task_id],
    );
    if (taken === 0) return null;
    await this.database.query('delete from concurrency_waits where task_id = $1', [next.task_id]);
    return next;
  }

  /** Gives the key to a waiting task out of its turn, because it begins now; false when another one has it. */
  async take(taskId: string): Promise<boolean> {
    const taken = await this.database.count(
      `insert into concurrency_keys (organization_id, key, task_id)
       select organization_id, key, task_id from concurrency_waits where task_id = $1
       on conflict do nothing`,
      [taskId],
    );
    if (taken > 0) await this.removeWait(taskId);
    return taken > 0;
  }

  /** Locks the wait of a task until the transaction ends; false when it does not wait. */
  async lockWait(taskId: string): Promise<boolean> {
    return (
      (await this.database.one('select 1 from concurrency_waits where task_id = $1 for update', [taskId])) !== null
    );
  }

  /** Ends the wait of a task; since when it has waited, or null when it did not. */
  async removeWait(taskId: string): Promise<Date | null> {
    const row = await this.database.one<{ run_at: Date }>(
      'delete from concurrency_waits where task_id = $1 returning run_at',
      [taskId],
    );
    return row?.run_at ?? null;
  }

  /** Forgets the keys of an organization that is deleted, and who waits for them. */
  async removeAll(organizationId: string): Promise<void> {
    await this.database.query('delete from concurrency_waits where organization_id = $1', [organizationId]);
    await this.database.query('delete from concurrency_keys where organization_id = $1', [organizationId]);
  }

  /** Who holds the key that a task waits for; null when it waits for none. */
  findHolder(taskId: string): Promise<KeyWait | null> {
    return this.database.one(
      `select w.key, k.task_id as holder_id, w.run_at, w.run_at <= now() as ready from concurrency_waits w
       left join concurrency_keys k on k.organization_id = w.organization_id and k.key = w.key
       where w.task_id = $1`,
      [taskId],
    );
  }

  /** Takes what keys are free; of every task who holds its key then, behind a lock, and whether its time is to come. */
  private async takeOrLock(
    tasks: readonly Applicant[],
  ): Promise<{ task_id: string; holder_id: string | null; is_later: boolean }[]> {
    const applicants = JSON.stringify(tasks);
    await this.database.query(
      `insert into concurrency_keys (organization_id, key, task_id)
       select distinct on (organization_id, key) organization_id, key, task_id from ${APPLICANTS}
       where run_at <= now() order by organization_id, key, priority, run_at, task_id
       on conflict do nothing`,
      [applicants],
    );
    // The limit changes nothing but the planner's guess: it takes one task for a hundred, and would read every key.
    return this.database.query(
      `with held as materialized (
         select organization_id, key, task_id from concurrency_keys
         where (organization_id, key) in (select organization_id, key from ${APPLICANTS} limit $2)
         order by organization_id, key for update
       )
       select task.task_id, held.task_id as holder_id, task.run_at > now() as is_later
       from ${APPLICANTS} left join held on held.organization_id = task.organization_id and held.key = task.key`,
      [applicants, tasks.length],
    );
  }

  private async insertWaits(tasks: readonly Applicant[]): Promise<void> {
    if (tasks.length === 0) return;
    await this.database.query(
      `insert into concurrency_waits (task_id, organization_id, key, lane_id, agent_type, priority, run_at)
       select task_id, organization_id, key, lane_id, agent_type, priority,
              coalesce(waits_since, greatest(run_at, now()))
       from ${APPLICANTS}`,
      [JSON.stringify(tasks)],
    );
  }
}
