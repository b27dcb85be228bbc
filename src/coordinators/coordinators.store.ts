import { Injectable } from '@nestjs/common';
import { RunAgain, violates } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import { statusSql } from '../queue/worker-status.js';
import type { MachineUsage } from '../workers/machine-usage.js';
import type { PausedWorker } from '../workers/paused-worker.js';
import { healthSql, type Health } from '../workers/worker.health.js';
import { CoordinatorNameTaken } from './coordinator.errors.js';
import { coordinatorHealthSql, coordinatorStatusSql, type CoordinatorStatus } from './coordinator.status.js';
import type { Coordinator } from './coordinator.entity.js';

/** Usage of the host of a coordinator, and how far the server is from there. */
export interface CoordinatorMetrics extends MachineUsage {
  network_latency_ms?: number;
}

export type CoordinatorView = Omit<
  Coordinator,
  'told_health' | 'told_lost' | 'status' | 'metrics' | 'drained_by_itself' | 'paused_workers'
> & {
  status: CoordinatorStatus;
  health: Health;
  metrics: CoordinatorMetrics | null;
  workers: { total: number; active: number; healthy: number };
  active_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
};

/** A coordinator whose row is locked. */
export type LockedCoordinator = Pick<Coordinator, 'id' | 'organization_id' | 'name'> & { status: CoordinatorStatus };

/** Whether its own process has it finish, and which of its workers were paused before that. */
interface OwnDrain {
  drained_by_itself: boolean;
  paused_workers: PausedWorker[] | null;
}

/** What is said of a coordinator; what is undefined stays as it is. */
export interface CoordinatorDescription {
  name: string;
  host?: string;
  capacity?: number | null;
  labels?: readonly string[];
}

const NAMES = ['coordinators_name_key', 'coordinators_instance_name_key'];

const STATUS = coordinatorStatusSql('c');
const HEALTH = coordinatorHealthSql('c');

/** What is shown of the coordinators of a table, `c`: its workers are looked up for each row. */
const viewOf = (coordinators: string): string => `
  select c.id, c.organization_id, c.name, c.host, c.capacity, c.labels, c.note, c.metrics, c.last_heartbeat, c.registered_at,
         ${STATUS} as status, ${HEALTH} as health,
         json_build_object('total', fleet.total, 'active', fleet.active, 'healthy', fleet.healthy) as workers,
         fleet.active_tasks, fleet.completed as completed_tasks, fleet.failed as failed_tasks
  from ${coordinators} c cross join lateral (
    select count(*)::integer as total, count(*) filter (where status = 'active')::integer as active,
           count(*) filter (where health = 'healthy')::integer as healthy,
           coalesce(sum(active_tasks), 0)::integer as active_tasks,
           coalesce(sum(completed), 0)::integer as completed, coalesce(sum(failed), 0)::integer as failed
    from (
      select ${statusSql('w', 'live')} as status, ${healthSql('w', 'live')} as health, live.completed, live.failed,
             (select count(*) from leases where worker_id = w.id and ordinal >= live.first_lease) as active_tasks
      from workers w join worker_liveness live on live.worker_id = w.id where w.coordinator_id = c.id
    ) own
  ) fleet`;

/** One that comes back, as it was. */
type KnownCoordinator = LockedCoordinator & OwnDrain & { live: boolean; note: string | null };

/** `$1` is after how many seconds of silence it is not alive. */
const KNOWN = `select c.id, c.organization_id, c.name, c.note, c.drained_by_itself, c.paused_workers,
         ${STATUS} as status, ${STATUS} <> 'stopped'
         and coalesce(c.last_heartbeat, c.registered_at) > now() - make_interval(secs => $1) as live
       from coordinators c`;

@Injectable()
export class CoordinatorsStore {
  constructor(private readonly database: Database) {}

  /** Locks one until the transaction ends; with whether it is alive. */
  lockById(id: string, silentSeconds: number): Promise<KnownCoordinator | null> {
    return this.database.one(`${KNOWN} where c.id = $2 for no key update of c`, [silentSeconds, id]);
  }

  /** Locks the coordinator of a name until the transaction ends; with whether it is alive. */
  lockByName(organizationId: string | null, name: string, silentSeconds: number): Promise<KnownCoordinator | null> {
    return this.database.one(
      `${KNOWN}
       where c.name = $3 and (c.organization_id = $2 or ($2::uuid is null and c.organization_id is null))
       for no key update of c`,
      [silentSeconds, organizationId, name],
    );
  }

  async insert(id: string, organizationId: string | null, description: CoordinatorDescription): Promise<void> {
    const { name, host, capacity, labels } = description;
    try {
      await this.database.query(
        'insert into coordinators (id, organization_id, name, host, capacity, labels) values ($1, $2, $3, $4, $5, $6)',
        [id, organizationId, name, host, capacity ?? null, labels ?? []],
      );
    } catch (error) {
      // Somebody took the name since it was looked for: what is there now decides.
      if (isTaken(error)) throw new RunAgain();
      throw error;
    }
  }

  /** One that comes back begins a new life; with `active` also one that was to stop. */
  async comeBack(id: string, description: CoordinatorDescription, status: 'active' | 'draining'): Promise<void> {
    await this.database.query(
      `update coordinators set host = coalesce($2, host), capacity = coalesce($3, capacity), labels = coalesce($4, labels),
         status = $5, note = case when $5 = 'active' then null else note end, registered_at = now(),
         drained_by_itself = drained_by_itself and $5 = 'draining', paused_workers = null,
         last_heartbeat = null, metrics = null, told_health = 'unknown', told_lost = false
       where id = $1`,
      [id, description.host, description.capacity, description.labels, status],
    );
  }

  /** Locks one that the organization may see; null is for one that speaks for itself. */
  async lock(organizationId: string | null, id: string): Promise<LockedCoordinator | null> {
    await this.database.query('select 1 from coordinators where id = $1 for no key update', [id]);
    return this.database.one<LockedCoordinator>(
      `select c.id, c.organization_id, c.name, ${STATUS} as status from coordinators c
       where c.id = $2 and ($1::uuid is null or c.organization_id is null or c.organization_id = $1)`,
      [organizationId, id],
    );
  }

  /** Throws CoordinatorNameTaken. */
  async change(id: string, { name, labels, capacity }: Partial<CoordinatorDescription>): Promise<void> {
    try {
      await this.database.query(
        `update coordinators set name = coalesce($2, name), labels = coalesce($3, labels),
           capacity = case when $4 then $5 else capacity end
         where id = $1`,
        [id, name, labels, capacity !== undefined, capacity ?? null],
      );
    } catch (error) {
      if (name !== undefined && isTaken(error)) throw new CoordinatorNameTaken(name);
      throw error;
    }
  }

  /** Has it finish. Somebody else's wish is not made its own by being repeated. */
  async drain(id: string, note: string | null, { drained_by_itself, paused_workers }: OwnDrain): Promise<void> {
    await this.database.query(
      `update coordinators set status = 'draining', drained_by_itself = $3 and (status = 'active' or drained_by_itself),
         note = case when $3 and status = 'draining' and not drained_by_itself then note else $2 end,
         paused_workers = case when $3 then coalesce(paused_workers, $4) end
       where id = $1`,
      [id, note, drained_by_itself, paused_workers && JSON.stringify(paused_workers)],
    );
  }

  /** Its workers lose it, and go on. */
  async delete(id: string): Promise<void> {
    await this.database.query('delete from coordinators where id = $1', [id]);
  }

  /** Notes that it is alive; null when it is gone. */
  beat(
    id: string,
    metrics: CoordinatorMetrics | null,
  ): Promise<{ server_time: Date; status: CoordinatorStatus; note: string | null } | null> {
    return this.database.one(
      `update coordinators c set last_heartbeat = now(), metrics = coalesce($2::jsonb, metrics) where id = $1
       returning now() as server_time, ${STATUS} as status, note`,
      [id, metrics === null ? null : JSON.stringify(metrics)],
    );
  }

  findOne(organizationId: string, id: string): Promise<CoordinatorView | null> {
    return this.database.one<CoordinatorView>(
      `${viewOf('coordinators')} where c.id = $1 and (c.organization_id is null or c.organization_id = $2)`,
      [id, organizationId],
    );
  }

  findById(id: string): Promise<CoordinatorView | null> {
    return this.database.one<CoordinatorView>(`${viewOf('coordinators')} where c.id = $1`, [id]);
  }

  findPage(filter: {
    organization_id: string;
    status: string | null;
    health: string | null;
    before: Position | null;
    limit: number;
  }): Promise<(CoordinatorView & { cursor_at: string })[]> {
    return this.database.query(
      `with page as materialized (
         select c.* from coordinators c
         where (c.organization_id is null or c.organization_id = $1)
           and ($2::text is null or ${STATUS} = $2)
           and ($3::text is null or ${HEALTH} = $3)
           and ($4::timestamptz is null or (c.registered_at, c.id) < ($4, $5::uuid))
         order by c.registered_at desc, c.id desc limit $6
       )
       select shown.*, ${cursorTime('registered_at')} as cursor_at from (${viewOf('page')}) shown
       order by registered_at desc, id desc`,
      [
        filter.organization_id,
        filter.status,
        filter.health,
        filter.before?.at ?? null,
        filter.before?.id ?? null,
        filter.limit + 1,
      ],
    );
  }
}

const isTaken = (error: unknown): boolean => NAMES.some((name) => violates(error, name));
