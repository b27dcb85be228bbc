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

const HEAD = `
  select task_id, organization_id, key, lane_id, agent_type, priority from concurrency_waits
  where organization_id = $1 and key = $2 and run_at <= now() order by priority, run_at, task_id limit 1`;

/**
 * Exclusive keys. A task is queued only while it holds its key; the others wait outside of the queue, so that a claim
 * need not check anything. Whoever gives a key away locks its row first and looks for waiting tasks after that, and
 * whoever finds it taken locks it before it waits: so nobody waits for a key that nobody holds.
 */
@Injectable()
export class ConcurrencyStore {
  constructor(private readonly database: Database) {}

  /** Takes the key for a task; when another has it, or its time has not come, the task waits. */
  async acquire(task: KeyedTask, runAt: Date | string): Promise<boolean> {
    const { task_id, organization_id, key } = task;
    for (;;) {
      const taken = await this.database.one<{ task_id: string }>(
        `insert into concurrency_keys (organization_id, key, task_id) select $1, $2, $3 where $4::timestamptz <= now()
         on conflict do nothing returning task_id`,
        [organization_id, key, task_id, runAt],
      );
      if (taken !== null) return true;
      const holder = await this.database.one<{ task_id: string }>(
        'select task_id from concurrency_keys where organization_id = $1 and key = $2 for update',
        [organization_id, key],
      );
      if (holder?.task_id === task_id) return true;
      if (holder !== null || (await this.isLater(runAt))) break;
    }
    await this.database.query(
      `insert into concurrency_waits (task_id, organization_id, key, lane_id, agent_type, priority, run_at)
       values ($1, $2, $3, $4, $5, $6, greatest($7, now()))`,
      [task_id, organization_id, key, task.lane_id, task.agent_type, task.priority, runAt],
    );
    return false;
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

  /** Keys that nobody holds although a task waits whose time has come. */
  findIdle(limit: number): Promise<{ organization_id: string; key: string }[]> {
    return this.database.query(
      `select distinct w.organization_id, w.key from (
         select organization_id, key from concurrency_waits where run_at <= now() order by run_at limit $1
       ) w
       where not exists (select from concurrency_keys k where k.organization_id = w.organization_id and k.key = w.key)`,
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

  /** Locks the wait of a task until the transaction ends; false when it does not wait. */
  async lockWait(taskId: string): Promise<boolean> {
    return (
      (await this.database.one('select 1 from concurrency_waits where task_id = $1 for update', [taskId])) !== null
    );
  }

  async removeWait(taskId: string): Promise<void> {
    await this.database.query('delete from concurrency_waits where task_id = $1', [taskId]);
  }

  /** Who holds the key that a task waits for; null when it waits for none. */
  findHolder(taskId: string): Promise<{ key: string; holder_id: string | null; run_at: Date; ready: boolean } | null> {
    return this.database.one(
      `select w.key, k.task_id as holder_id, w.run_at, w.run_at <= now() as ready from concurrency_waits w
       left join concurrency_keys k on k.organization_id = w.organization_id and k.key = w.key
       where w.task_id = $1`,
      [taskId],
    );
  }

  private async isLater(runAt: Date | string): Promise<boolean> {
    const row = await this.database.one<{ later: boolean }>('select $1::timestamptz > now() as later', [runAt]);
    return row?.later ?? false;
  }
}
