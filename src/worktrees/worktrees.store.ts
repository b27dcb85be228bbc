import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { LinkedWorktreeRecord } from './linked-worktree.entity.js';
import type { WorkerCheckout } from './worker-checkout.entity.js';

/** A worktree in a list, as far as the order needs it. */
export interface ListedRow {
  id: string;
  kind: 'linked' | 'checkout';
  repository_id: string | null;
  cursor_at: string;
}

/** A checkout of a worker with what is known of its execution. */
export interface CheckoutRow extends WorkerCheckout {
  agent_type: string;
  issue_number: number | null;
  execution_status: string;
}

export type LinkedRow = LinkedWorktreeRecord;

const CHECKOUT = `select c.*, e.agent_type, e.status as execution_status, t.issue_number
  from worker_checkouts c join agent_executions e on e.id = c.id join tasks t on t.id = e.task_id`;

/** What is known of worktrees. */
@Injectable()
export class WorktreesStore {
  constructor(private readonly database: Database) {}

  /**
   * Checkouts of workers, and linked work trees of `linked_in`, in one order: newest first. With a repository only those
   * of it.
   */
  findPage(filter: {
    organization_id: string;
    repository_id: string | null;
    linked_in: readonly string[];
    before: Position | null;
    limit: number;
  }): Promise<ListedRow[]> {
    const { organization_id, repository_id, linked_in, before, limit } = filter;
    const behind = `($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
           order by created_at desc, id desc limit $4`;
    // An index has the order of the organization, another one that of the repository.
    const of = repository_id === null ? 'true' : 'repository_id = $6';
    return this.database.query<ListedRow>(
      `select id, kind, repository_id, ${cursorTime('created_at')} as cursor_at from (
         (select id, 'checkout' as kind, repository_id, created_at from worker_checkouts
           where organization_id = $1 and ${of} and ${behind})
         union all
         (select id, 'linked' as kind, repository_id, created_at from linked_worktrees
           where organization_id = $1 and repository_id = any ($5::uuid[]) and ${behind})
       ) both_kinds order by created_at desc, id desc limit $4`,
      [
        organization_id,
        before?.at ?? null,
        before?.id ?? null,
        limit,
        linked_in,
        ...(repository_id === null ? [] : [repository_id]),
      ],
    );
  }

  async now(): Promise<Date> {
    const row = await this.database.one<{ now: Date }>('select now() as now');
    if (row === null) throw new Error('the database has no time');
    return row.now;
  }

  findCheckouts(ids: readonly string[]): Promise<CheckoutRow[]> {
    return this.database.query<CheckoutRow>(`${CHECKOUT} where c.id = any ($1::uuid[])`, [ids]);
  }

  findCheckout(organization_id: string, id: string): Promise<CheckoutRow | null> {
    return this.database.one<CheckoutRow>(`${CHECKOUT} where c.id = $2 and c.organization_id = $1`, [
      organization_id,
      id,
    ]);
  }

  /** For what changes it: the worker's word on it waits until then. */
  lockCheckout(organization_id: string, id: string): Promise<CheckoutRow | null> {
    return this.database.one<CheckoutRow>(`${CHECKOUT} where c.id = $2 and c.organization_id = $1 for update of c`, [
      organization_id,
      id,
    ]);
  }

  /** Since when its worker is to remove it. */
  async requestRemoval(id: string, forced: boolean): Promise<Date> {
    const row = await this.database.one<{ removal_requested_at: Date }>(
      `update worker_checkouts set removal_requested_at = coalesce(removal_requested_at, now()),
         removal_forced = removal_forced or $2 where id = $1 returning removal_requested_at`,
      [id, forced],
    );
    if (row === null) throw new Error('a locked checkout is gone');
    return row.removal_requested_at;
  }

  async forgetCheckout(id: string): Promise<void> {
    await this.database.query('delete from worker_checkouts where id = $1', [id]);
  }

  /** Whether it was known until now. */
  async forgetLinked(id: string): Promise<boolean> {
    const row = await this.database.one('delete from linked_worktrees where id = $1 returning id', [id]);
    return row !== null;
  }

  findLinked(organization_id: string, id: string): Promise<LinkedRow | null> {
    return this.database.one<LinkedRow>('select * from linked_worktrees where id = $2 and organization_id = $1', [
      organization_id,
      id,
    ]);
  }

  linkedIn(repository_id: string): Promise<LinkedRow[]> {
    return this.database.query<LinkedRow>('select * from linked_worktrees where repository_id = $1', [repository_id]);
  }

  /**
   * Makes the work trees of a repository those that are told. One that took the name of another gets an id of its own.
   * Gives those that are not there any more.
   */
  async replaceLinked(
    repository: { id: string; organization_id: string },
    told: readonly Pick<LinkedRow, 'id' | 'name' | 'created_at'>[],
  ): Promise<Pick<LinkedRow, 'id' | 'name'>[]> {
    return this.database.query<Pick<LinkedRow, 'id' | 'name'>>(
      `with told as (select * from unnest($3::uuid[], $4::bytea[], $5::timestamptz[]) as t (id, name, created_at)),
       before as (select l.id, l.name, l.created_at from linked_worktrees l where l.repository_id = $1),
       gone as (
         delete from linked_worktrees l where l.repository_id = $1 and l.name not in (select name from told)
         returning l.id, l.name
       ),
       kept as (
         insert into linked_worktrees as l (id, organization_id, repository_id, name, created_at)
         select id, $2, $1, name, created_at from told
         on conflict (repository_id, name) do update set id = excluded.id, created_at = excluded.created_at
         where l.created_at <> excluded.created_at
         returning l.name
       )
       select id, name from gone
       union all select id, name from before join kept using (name)`,
      [
        repository.id,
        repository.organization_id,
        told.map(({ id }) => id),
        told.map(({ name }) => name),
        told.map(({ created_at }) => created_at.toISOString()),
      ],
    );
  }
}
