import { Injectable } from '@nestjs/common';
import { RunAgain, violates } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import { noteSql, statusSql, wishedSql } from '../queue/worker-status.js';
import type { MachineUsage } from './machine-usage.js';
import { healthSql, type Health } from './worker.health.js';
import type { Worker } from './worker.entity.js';

/** Usage of the machine a worker runs on. */
export interface WorkerMetrics extends MachineUsage {
  disk_free_bytes?: number;
  disk_low?: boolean;
}

/** A launcher: a command-line agent that a worker has. */
export interface Launcher {
  name: string;
  version?: string | null;
  signed_in?: boolean | null;
  account?: string | null;
}

export type WorkerView = Omit<Worker, 'launcher_names' | 'told_health' | 'told_lost' | 'told_disk_low'> & {
  health: Health;
  /** When its pause ends by itself; null when it is not paused, or for as long as nobody ends it. */
  paused_until: Date | null;
  last_heartbeat: Date | null;
  last_work_at: Date | null;
  metrics: WorkerMetrics | null;
  active_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
};

/** What a worker has done since its figures were written down last. */
export interface FiguresChange {
  worker_id: string;
  completed: number;
  failed: number;
  last_work_at?: Date;
}

/** The worker that has a name, and what it is to be when it comes back. */
export type KnownWorker = Pick<Worker, 'id' | 'coordinator_id' | 'status'> & { live: boolean };

/** What a worker says of itself. */
export interface WorkerDescription {
  labels: readonly string[];
  agent_types: readonly string[] | null;
  launchers: readonly Launcher[] | null;
  isolation: string;
  capacity: number;
  version: string | null;
  protocol: number;
  host: string | null;
  coordinator_id: string | null;
}

const NAMES = ['workers_name_key', 'workers_instance_name_key'];

const STATUS = statusSql('w', 'live');

const VIEW = `
  select w.id, w.organization_id, w.name, w.coordinator_id, w.labels, w.agent_types, w.launchers, w.isolation, w.capacity,
         w.version, w.protocol, w.host, w.registered_at, ${STATUS} as status, ${noteSql('w', 'live')} as note,
         case when ${STATUS} = 'paused' and live.rests_until < 'infinity' then live.rests_until end as paused_until,
         ${healthSql('w', 'live')} as health, live.last_heartbeat, live.last_work_at, live.metrics,
         (select count(*)::integer from leases where worker_id = w.id and ordinal >= live.first_lease) as active_tasks,
         live.completed as completed_tasks, live.failed as failed_tasks
  from workers w join worker_liveness live on live.worker_id = w.id`;

@Injectable()
export class WorkersStore {
  constructor(private readonly database: Database) {}

  /** Locks the worker of a name, by its narrow row, until the transaction ends; with whether it is alive. */
  lockByName(organizationId: string | null, name: string, silentSeconds: number): Promise<KnownWorker | null> {
    return this.database.one<KnownWorker>(
      `select w.id, w.coordinator_id, ${wishedSql('w', 'live')} as status, ${STATUS} <> 'stopped'
         and coalesce(live.last_heartbeat, w.registered_at) > now() - make_interval(secs => $3) as live
       from workers w join worker_liveness live on live.worker_id = w.id
       where w.name = $2 and (w.organization_id = $1 or ($1::uuid is null and w.organization_id is null))
       for update of live`,
      [organizationId, name, silentSeconds],
    );
  }

  /** A coordinator of the same scope: until the transaction ends it keeps its status, and is not deleted. */
  lockCoordinator(id: string, organizationId: string | null): Promise<{ status: string } | null> {
    return this.database.one(
      'select status from coordinators where id = $1 and organization_id is not distinct from $2 for share',
      [id, organizationId],
    );
  }

  async insert(id: string, organizationId: string | null, name: string, description: WorkerDescription): Promise<void> {
    try {
      await this.database.query(
        `insert into workers (id, organization_id, name, labels, agent_types, launchers, launcher_names,
           launcher_accounts, isolation, capacity, version, protocol, host, coordinator_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
        [id, organizationId, name, ...columnsOf(description)],
      );
    } catch (error) {
      // Somebody took the name since it was looked for: what is there now decides.
      if (NAMES.some((name) => violates(error, name))) throw new RunAgain();
      throw error;
    }
    await this.database.query('insert into worker_liveness (worker_id) values ($1)', [id]);
  }

  /** Writes a new description over a worker that has come back; `active` ends a pause or drain, with its note. */
  async redescribe(id: string, description: WorkerDescription, status: Worker['status']): Promise<void> {
    await this.database.query(
      `update workers set status = $13, note = case when $13 = 'active' then null else note end, registered_at = now(),
         labels = $2, agent_types = $3, launchers = $4, launcher_names = $5, launcher_accounts = $6, isolation = $7,
         capacity = $8, version = $9, protocol = $10, host = $11, coordinator_id = $12,
         told_health = 'unknown', told_lost = false, told_disk_low = false
       where id = $1`,
      [id, ...columnsOf(description), status],
    );
    await this.database.query(
      `update worker_liveness set last_heartbeat = null, metrics = null, lost_at = null, stop_note = null,
         rests_until = case when $2 = 'active' then null else rests_until end
       where worker_id = $1`,
      [id, status],
    );
  }

  /** From here on only claims with this token get anything. */
  async setKey(id: string, keyId: string): Promise<void> {
    await this.database.query(`update worker_liveness set key_id = $2, former_key_ids = '{}' where worker_id = $1`, [
      id,
      keyId,
    ]);
  }

  /** How many workers of the instance there are of each health. */
  countByHealth(): Promise<{ health: Health; workers: number }[]> {
    return this.database.query(
      `select ${healthSql('w', 'live')} as health, count(*)::integer as workers
       from workers w join worker_liveness live on live.worker_id = w.id group by 1`,
    );
  }

  /** Adds to the figures of workers; of one that is gone nothing is kept. */
  async addFigures(changes: readonly FiguresChange[]): Promise<void> {
    await this.database.query(
      `with said as materialized (
         select * from jsonb_to_recordset($1::jsonb)
           as change (worker_id uuid, completed integer, failed integer, last_work_at timestamptz)
         limit $2
       ), due as materialized (
         select worker_id from worker_liveness where worker_id in (select worker_id from said)
         order by worker_id for no key update
       )
       update worker_liveness live set
         completed = live.completed + said.completed, failed = live.failed + said.failed,
         last_work_at = greatest(live.last_work_at, said.last_work_at)
       from said join due on due.worker_id = said.worker_id where live.worker_id = said.worker_id`,
      [JSON.stringify(changes), changes.length],
    );
  }

  /** The same of those that an organization may see. */
  countOwnByHealth(organizationId: string): Promise<{ health: Health; workers: number }[]> {
    return this.database.query(
      `select ${healthSql('w', 'live')} as health, count(*)::integer as workers
       from workers w join worker_liveness live on live.worker_id = w.id
       where w.organization_id is null or w.organization_id = $1 group by 1`,
      [organizationId],
    );
  }

  /** Whom a worker serves. */
  async findScope(id: string): Promise<{ organization_id: string | null; agent_types: string[] | null }> {
    const row = await this.database.one<{ organization_id: string | null; agent_types: string[] | null }>(
      'select organization_id, agent_types from workers where id = $1',
      [id],
    );
    return row ?? { organization_id: null, agent_types: [] };
  }

  async setLaunchers(id: string, launchers: readonly Launcher[]): Promise<void> {
    await this.database.query(
      'update workers set launchers = $2, launcher_names = $3, launcher_accounts = $4 where id = $1',
      [id, ...launcherColumns(launchers)],
    );
  }

  /** Workers an organization may see: its own and those of the instance. */
  findOne(organizationId: string, id: string): Promise<WorkerView | null> {
    return this.database.one<WorkerView>(
      `${VIEW} where w.id = $1 and (w.organization_id is null or w.organization_id = $2)`,
      [id, organizationId],
    );
  }

  findById(id: string): Promise<WorkerView | null> {
    return this.database.one<WorkerView>(`${VIEW} where w.id = $1`, [id]);
  }

  findPage(filter: {
    organization_id: string;
    status: string | null;
    health: string | null;
    label: string | null;
    coordinator_id: string | null;
    before: Position | null;
    limit: number;
  }): Promise<(WorkerView & { cursor_at: string })[]> {
    return this.database.query<WorkerView & { cursor_at: string }>(
      `select page.*, ${cursorTime('registered_at')} as cursor_at from (${VIEW}
         where (w.organization_id is null or w.organization_id = $1)
           and ($2::text is null or ${STATUS} = $2)
           and ($3::text is null or ${healthSql('w', 'live')} = $3)
           and ($4::text is null or $4 = any (w.labels))
           and ($5::timestamptz is null or (w.registered_at, w.id) < ($5, $6::uuid))
           and ($8::uuid is null or w.coordinator_id = $8)
         order by w.registered_at desc, w.id desc limit $7
       ) page order by registered_at desc, id desc`,
      [
        filter.organization_id,
        filter.status,
        filter.health,
        filter.label,
        filter.before?.at ?? null,
        filter.before?.id ?? null,
        filter.limit + 1,
        filter.coordinator_id,
      ],
    );
  }
}

/** Parameters of a description, in the order both statements have them. */
const columnsOf = (description: WorkerDescription): unknown[] => [
  description.labels,
  description.agent_types,
  ...launcherColumns(description.launchers),
  description.isolation,
  description.capacity,
  description.version,
  description.protocol,
  description.host,
  description.coordinator_id,
];

/** Launchers, their names, and the accounts of those that have one of their own, for the claim to compare. */
function launcherColumns(launchers: readonly Launcher[] | null): unknown[] {
  if (launchers === null) return [null, null, null];
  const accounts = launchers.flatMap(({ name, account }) => (account ? [[name, account] as const] : []));
  return [
    JSON.stringify(launchers),
    // One that is not signed in could do nothing; where that is not known it is worth a try.
    launchers.flatMap(({ name, signed_in }) => (signed_in === false ? [] : [name])),
    accounts.length === 0 ? null : JSON.stringify(Object.fromEntries(accounts)),
  ];
}
