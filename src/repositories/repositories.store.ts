import { Injectable } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { postgresFault, RunAgain } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { Repository } from './repository.entity.js';
import { RepositoryExists, RepositoryInUse } from './repositories.errors.js';
import type { Sealed } from './repository-credentials.store.js';

/** A repository without its secrets. */
export type RepositoryRow = Omit<Repository, keyof Sealed> & { has_credentials: boolean; cursor_at: string };

export type ForMirror = Pick<
  Repository,
  'clone_url' | 'local_path' | 'source_key' | 'default_branch' | 'default_branch_chosen' | 'last_error'
> & {
  synced_ms_ago: number | null;
};

/** What a caller may change; absent fields stay. */
export type RepositoryChanges = Partial<
  Pick<Repository, 'default_branch' | 'default_branch_chosen' | 'default_agent_type' | 'max_running' | 'auto_pr'>
>;

const COLUMNS = `id, organization_id, full_name, clone_url, local_path, source_key, default_branch,
  default_branch_chosen, status, last_error, notice, last_synced_at, mirror_rebuilt_at, lost_branches, refresh_at, default_agent_type,
  max_running, auto_pr,
  sealed_credentials is not null as has_credentials, created_at,
  ${cursorTime('created_at')} as cursor_at`;

/** What a row begins with. */
const GIVEN = [
  ...['id', 'organization_id', 'full_name', 'clone_url', 'local_path', 'source_key'],
  ...['default_branch', 'default_branch_chosen', 'auto_pr'],
  ...['sealed_credentials', 'credentials_key_id'],
] as const;
const CHANGEABLE = ['default_branch', 'default_branch_chosen', 'default_agent_type', 'max_running', 'auto_pr'] as const;
const UNIQUE_VIOLATION = '23505';
/** What PostgreSQL calls the deletion of what others refer to: the first one before version 18, the second from there on. */
const STILL_REFERRED_TO: readonly unknown[] = ['23503', '23001'];

/** Every query on repositories. */
@Injectable()
export class RepositoriesStore {
  constructor(
    private readonly database: Database,
    private readonly config: GitConfig,
  ) {}

  /** In a transaction. Throws RepositoryExists with the id of the one that is there. */
  async insert(row: Pick<Repository, (typeof GIVEN)[number]>): Promise<RepositoryRow> {
    const inserted = await this.database.one<RepositoryRow>(
      `insert into repositories (${GIVEN.join(', ')}, refresh_at)
       values (${GIVEN.map((_, at) => `$${String(at + 1)}`).join(', ')}, 
         now() + make_interval(secs => $${String(GIVEN.length + 1)} * (0.1 + random() * 0.9)))
       on conflict (organization_id, source_key) do nothing returning ${COLUMNS}`,
      // Those that are registered together are not to be fetched together for ever.
      [...GIVEN.map((column) => row[column]), this.config.mirror_refresh_seconds],
    );
    if (inserted !== null) return inserted;
    const present = await this.findBySource(row.organization_id, row.source_key);
    // Deleted in between.
    if (present === null) throw new RunAgain();
    throw new RepositoryExists(present.id);
  }

  async findOwn(organization_id: string, id: string): Promise<RepositoryRow | null> {
    return this.database.one(`select ${COLUMNS} from repositories where id = $2 and organization_id = $1`, [
      organization_id,
      id,
    ]);
  }

  async findBySource(organization_id: string, source_key: string): Promise<RepositoryRow | null> {
    return this.database.one(`select ${COLUMNS} from repositories where organization_id = $1 and source_key = $2`, [
      organization_id,
      source_key,
    ]);
  }

  /** Of whatever organization: for claims, which have settled that before. */
  async findMany(ids: readonly string[]): Promise<RepositoryRow[]> {
    return this.database.query(`select ${COLUMNS} from repositories where id = any($1::uuid[])`, [ids]);
  }

  /** Newest first. */
  async list(organization_id: string, after: Position | null, limit: number): Promise<RepositoryRow[]> {
    return this.database.query(
      `select ${COLUMNS} from repositories
       where organization_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
       order by created_at desc, id desc limit $4`,
      [organization_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Those on this host's disk, newest first. */
  async listLocal(organization_id: string, limit: number): Promise<RepositoryRow[]> {
    return this.database.query(
      `select ${COLUMNS} from repositories where organization_id = $1 and source_key >= 'file:' and source_key < 'file;'
         and starts_with(source_key, 'file:') order by created_at desc, id desc limit $2`,
      [organization_id, limit],
    );
  }

  async update(organization_id: string, id: string, changes: RepositoryChanges): Promise<RepositoryRow | null> {
    const given = CHANGEABLE.filter((column) => changes[column] !== undefined);
    if (given.length === 0) return this.findOwn(organization_id, id);
    return this.database.one(
      `update repositories set ${given.map((column, at) => `${column} = $${String(at + 3)}`).join(', ')}
       where organization_id = $1 and id = $2 returning ${COLUMNS}`,
      [organization_id, id, ...given.map((column) => changes[column])],
    );
  }

  /** Whether there was one. Throws RepositoryInUse while tasks or executions belong to it. */
  async delete(organization_id: string, id: string): Promise<boolean> {
    try {
      return (
        (await this.database.count('delete from repositories where organization_id = $1 and id = $2', [
          organization_id,
          id,
        ])) > 0
      );
    } catch (error) {
      if (STILL_REFERRED_TO.includes(postgresFault(error)?.code)) throw new RepositoryInUse();
      throw error;
    }
  }

  async idsOf(organization_id: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>('select id from repositories where organization_id = $1', [
      organization_id,
    ]);
    return rows.map(({ id }) => id);
  }

  async existAny(): Promise<boolean> {
    return (await this.database.one('select 1 as found from repositories limit 1')) !== null;
  }

  async findSyncing(limit: number): Promise<{ id: string }[]> {
    return this.database.query(`select id from repositories where status = 'syncing' order by created_at limit $1`, [
      limit,
    ]);
  }

  /** Takes repositories that are due to be fetched, those that have waited longest first, and says when they are next. */
  async takeDue(period_seconds: number, limit: number): Promise<{ id: string }[]> {
    return this.database.query(
      `update repositories set refresh_at = now() + make_interval(
         secs => $1 * (0.9 + random() * 0.2) * case when status = 'error' then 4 else 1 end)
       where id = any (array(
         select id from repositories where refresh_at <= now() order by refresh_at limit $2 for update skip locked))
       returning id`,
      [period_seconds, limit],
    );
  }

  /** What a fetch needs to know, whatever the organization. */
  async findForMirror(id: string): Promise<ForMirror | null> {
    return this.database.one(
      `select clone_url, local_path, source_key, default_branch, default_branch_chosen, last_error,
         (extract(epoch from now() - last_synced_at) * 1000)::float8 as synced_ms_ago
       from repositories where id = $1`,
      [id],
    );
  }

  /**
   * Corrects the key of a repository that was registered by another one before, unless the organization has registered
   * the same source by both: then each stays what it is.
   */
  async setSourceKey(id: string, source_key: string): Promise<void> {
    try {
      await this.database.query(
        `update repositories r set source_key = $2 where id = $1 and source_key <> $2 and not exists (
           select from repositories where organization_id = r.organization_id and source_key = $2)`,
        [id, source_key],
      );
    } catch (error) {
      // Somebody has registered it by that one this moment.
      if (postgresFault(error)?.code !== UNIQUE_VIOLATION) throw error;
    }
  }

  async markSyncing(id: string): Promise<void> {
    await this.database.query(`update repositories set status = 'syncing' where id = $1`, [id]);
  }

  /** A branch that was chosen in the meantime stays. */
  async markSynced(id: string, default_branch: string | null, notice: string | null): Promise<void> {
    await this.database.query(
      `update repositories set status = 'ready', last_error = null, last_synced_at = now(), notice = $3,
         default_branch = case when default_branch_chosen then default_branch else coalesce($2, default_branch) end
       where id = $1`,
      [id, default_branch, notice],
    );
  }

  /** Branches that were lost before stay named. */
  async markRebuilt(id: string, lost_branches: readonly string[]): Promise<void> {
    await this.database.query(
      `update repositories set mirror_rebuilt_at = now(),
         lost_branches = array(select distinct unnest(lost_branches || $2::text[]) as name order by name)
       where id = $1`,
      [id, lost_branches],
    );
  }

  async markFailed(id: string, last_error: string): Promise<void> {
    await this.database.query(`update repositories set status = 'error', last_error = $2 where id = $1`, [
      id,
      last_error,
    ]);
  }
}
