import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { WorkerCheckout } from './worker-checkout.entity.js';

/** One checkout as its worker describes it. */
export interface WorktreeReport extends Pick<
  WorkerCheckout,
  'path' | 'branch' | 'head_sha' | 'dirty' | 'unpushed' | 'merged' | 'kept_because'
> {
  execution_id: string;
  size_bytes: number;
  created_at: string;
  changed_at: string;
}

/** A checkout, as far as is told of its end. */
export type ToldCheckout = Pick<
  WorkerCheckout,
  'id' | 'organization_id' | 'repository_id' | 'path' | 'branch' | 'removal_requested_at' | 'removal_forced'
>;

const TOLD = 'c.id, c.organization_id, c.repository_id, c.path, c.branch, c.removal_requested_at, c.removal_forced';
const FIELDS = `path text, branch text, head_sha text, dirty boolean, unpushed boolean, merged boolean,
  size_bytes bigint, kept_because text, created_at timestamptz, changed_at timestamptz`;
const NAMES = FIELDS.split(',').map((field) => field.trim().split(' ')[0] ?? '');

/** What workers say of their checkouts. */
@Injectable()
export class WorktreeReportsStore {
  constructor(private readonly database: Database) {}

  /**
   * Takes an inventory in place of the one before. Only executions of this very worker are taken, and only what has
   * changed is written. Answers what has gone of what was to stay or to go: the rest nobody was told of.
   */
  async replace(worker_id: string, reports: readonly WorktreeReport[]): Promise<ToldCheckout[]> {
    const told = JSON.stringify(reports);
    return this.database.query<ToldCheckout>(
      `with told as (select * from jsonb_to_recordset($2::jsonb) as r(execution_id uuid, ${FIELDS})),
       gone as (
         delete from worker_checkouts c where c.worker_id = $1 and c.id not in (select execution_id from told)
         returning ${TOLD}, c.kept_because),
       taken as (
       insert into worker_checkouts as c (id, organization_id, repository_id, worker_id, ${NAMES.join(', ')})
       select distinct on (e.id) e.id, e.organization_id, e.repository_id, e.worker_id, ${NAMES.map((name) => `t.${name}`).join(', ')}
       from told t join agent_executions e on e.id = t.execution_id
       where e.worker_id = $1 order by e.id
       on conflict (id) do update set worker_id = excluded.worker_id, ${NAMES.map((name) => `${name} = excluded.${name}`).join(', ')}
       where (c.worker_id, ${NAMES.map((name) => `c.${name}`).join(', ')})
         is distinct from (excluded.worker_id, ${NAMES.map((name) => `excluded.${name}`).join(', ')}))
       select * from gone where removal_requested_at is not null or kept_because is not null`,
      [worker_id, told],
    );
  }

  /** Withdraws the wish for what turns out to hold work, or may hold some, unless it is to go with that. */
  withdraw(worker_id: string): Promise<ToldCheckout[]> {
    return this.database.query<ToldCheckout>(
      `update worker_checkouts c set removal_requested_at = null
       where worker_id = $1 and removal_requested_at is not null and not removal_forced
         and (dirty is not false or (unpushed is not false and merged is not true)) returning ${TOLD}`,
      [worker_id],
    );
  }

  /** What a worker is to remove, and whether with what it holds. */
  wanted(worker_id: string): Promise<{ id: string; removal_forced: boolean }[]> {
    return this.database.query<{ id: string; removal_forced: boolean }>(
      'select id, removal_forced from worker_checkouts where worker_id = $1 and removal_requested_at is not null',
      [worker_id],
    );
  }
}
