import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { ProviderLimit } from './provider-limit.entity.js';

/** That an execution met a limit of the provider behind its agent. */
export interface MetLimit {
  /** Id that the limit gets when it is new. */
  id: string;
  organization_id: string;
  agent_type: string;
  worker_id: string;
  execution_id: string;
  reason: 'rate_limited' | 'quota';
  /** For how long from now. */
  seconds: number;
}

const FIELDS = 'id, organization_id, launcher, account, reason, until, reported_by, reported_at';

@Injectable()
export class ProviderLimitsStore {
  constructor(
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /**
   * Writes limits that executions met, one for each account of a launcher. One that holds already is only made longer;
   * one that is over begins anew, with an id of its own. The account is that of the worker's launcher.
   */
  report(met: readonly MetLimit[]): Promise<ProviderLimit[]> {
    return this.database.query<ProviderLimit>(
      `with said as materialized (
         select * from jsonb_to_recordset($1::jsonb) as one (id uuid, organization_id uuid, agent_type text, worker_id uuid,
           execution_id uuid, reason text, seconds double precision) limit $3
       ), named as (
         select said.*, coalesce(o.launcher, a.launcher, $2) as launcher, w.launcher_accounts
         from said left join agents a on a.agent_type = said.agent_type
         left join organization_agents o
           on o.organization_id = said.organization_id and o.agent_type = said.agent_type
         left join workers w on w.id = said.worker_id
         where a.category is distinct from 'builtin'
       ), longest as (
         select distinct on (organization_id, launcher, account) named.*, account
         from named cross join lateral (select coalesce(launcher_accounts ->> launcher, '') as account) own
         where launcher <> '' order by organization_id, launcher, account, seconds desc
       )
       insert into provider_limits as known (id, organization_id, launcher, account, reason, until, reported_by)
       select id, organization_id, launcher, account, reason, now() + make_interval(secs => seconds), execution_id
       from longest order by organization_id, launcher, account
       on conflict (organization_id, launcher, account) do update set
         id = case when known.until > now() then known.id else excluded.id end,
         reason = case when known.until > now() then known.reason else excluded.reason end,
         reported_by = case when known.until > now() then known.reported_by else excluded.reported_by end,
         reported_at = case when known.until > now() then known.reported_at else now() end,
         until = greatest(known.until, excluded.until)
       returning ${FIELDS}`,
      [JSON.stringify(met), this.config.agent_cli, met.length],
    );
  }

  /** Limits that hold, the newest first; one more than the limit of the page, to tell whether there are more. */
  findPage(
    organizationId: string,
    before: Position | null,
    limit: number,
  ): Promise<(ProviderLimit & { cursor_at: string })[]> {
    return this.database.query(
      `select ${FIELDS}, ${cursorTime('reported_at')} as cursor_at from provider_limits
       where organization_id = $1 and until > now()
         and ($2::timestamptz is null or (reported_at, id) < ($2, $3::uuid))
       order by reported_at desc, id desc limit $4`,
      [organizationId, before?.at ?? null, before?.id ?? null, limit],
    );
  }

  /** Lifts a limit that holds; null when there is none of this id. */
  remove(organizationId: string, id: string): Promise<ProviderLimit | null> {
    return this.database.one<ProviderLimit>(
      `delete from provider_limits where organization_id = $1 and id = $2 and until > now() returning ${FIELDS}`,
      [organizationId, id],
    );
  }
}
