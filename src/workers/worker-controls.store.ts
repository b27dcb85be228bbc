import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { statusSql } from '../queue/worker-status.js';
import type { Worker } from './worker.entity.js';

/** A worker whose row is locked. */
export type LockedWorker = Pick<Worker, 'id' | 'organization_id' | 'name' | 'status'>;

/** What is set of a worker from outside. */
@Injectable()
export class WorkerControlsStore {
  constructor(private readonly database: Database) {}

  /**
   * Locks a worker that the organization may see, by its narrow row: claims and ends wait until the transaction is over. Who
   * it is and what it is to be is read behind the lock.
   */
  async lock(organizationId: string | null, id: string): Promise<LockedWorker | null> {
    await this.database.query('select 1 from worker_liveness where worker_id = $1 for update', [id]);
    return this.database.one<LockedWorker>(
      `select w.id, w.organization_id, w.name, ${statusSql('w', 'live')} as status
       from workers w join worker_liveness live on live.worker_id = w.id
       where w.id = $2 and (w.organization_id is null or w.organization_id = $1)`,
      [organizationId, id],
    );
  }

  /** Locks the workers of a coordinator in the same way. */
  async lockOf(coordinatorId: string): Promise<(LockedWorker & { note: string | null; rests_until: string | null })[]> {
    await this.database.query(
      `select 1 from worker_liveness where worker_id in (select id from workers where coordinator_id = $1)
       order by worker_id for update`,
      [coordinatorId],
    );
    return this.database.query(
      `select w.id, w.organization_id, w.name, w.note, ${statusSql('w', 'live')} as status,
              case when isfinite(live.rests_until) then live.rests_until::text end as rests_until
       from workers w join worker_liveness live on live.worker_id = w.id where w.coordinator_id = $1 order by w.id`,
      [coordinatorId],
    );
  }

  /** Says what a worker is to be. A pause has an end; one without it and a drain last until somebody ends them. */
  async setStatus(id: string, status: Worker['status'], { note, until }: Rest): Promise<void> {
    await this.database.query('update workers set status = $2, note = $3 where id = $1', [id, status, note]);
    await this.database.query(
      `update worker_liveness set rests_until = case when $2 = 'active' then null else coalesce($3::timestamptz, 'infinity') end
       where worker_id = $1`,
      [id, status, until],
    );
  }

  /** It has ended in order. What it is to be when it comes back stays as it is; until then no claim gets anything. */
  async setStopped(id: string, note: string): Promise<void> {
    await this.database.query(
      `update worker_liveness set stop_note = $2, rests_until = coalesce(rests_until, 'infinity') where worker_id = $1`,
      [id, note],
    );
  }

  /** Whether a pause may end then, by the database's clock. */
  async isAhead(until: string): Promise<boolean> {
    const row = await this.database.one<{ ahead: boolean }>(
      `select $1::timestamptz > now() and $1::timestamptz <= now() + interval '100 years' as ahead`,
      [until],
    );
    return row?.ahead ?? false;
  }

  /** From here on claims get something with this token, or with those that are still good beside it. */
  async rotateKey(id: string, keyId: string, formerIds: readonly string[]): Promise<void> {
    await this.database.query('update worker_liveness set key_id = $2, former_key_ids = $3 where worker_id = $1', [
      id,
      keyId,
      formerIds,
    ]);
  }

  async delete(id: string): Promise<void> {
    await this.database.query('delete from workers where id = $1', [id]);
  }
}

interface Rest {
  note: string | null;
  until: string | null;
}
