import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { withinGitTime } from '../git/git-time.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { UnmergedBranches } from '../git/unmerged-branches.service.js';
import { RepositoriesService } from './repositories.service.js';
import { RepositoriesStore } from './repositories.store.js';
import { RepositoryInUse, RepositoryNotFound, type RepositoryLosses } from './repositories.errors.js';

/** Tasks of a repository. */
export type RepositoryUse = Pick<RepositoryLosses, 'running_tasks' | 'waiting_tasks' | 'ended_tasks'>;

/** A feature that has something of repositories, which cannot go while it is there. */
export interface RepositoryUser {
  count(principal: Principal, repositoryId: string): Promise<RepositoryUse>;
  /** Removes what can be removed now, and has the rest end. */
  clear(principal: Principal, repositoryId: string): Promise<void>;
}

const NOTHING: RepositoryUse = { running_tasks: 0, waiting_tasks: 0, ended_tasks: 0 };

/** The end of repositories: what would be lost is named before. */
@Injectable()
export class RepositoryRemoval {
  private user: RepositoryUser | null = null;

  constructor(
    private readonly repositories: RepositoriesService,
    private readonly store: RepositoriesStore,
    private readonly branches: UnmergedBranches,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly mirrors: MirrorsService,
  ) {}

  /** For the tasks, which know of repositories and not the other way round. */
  usedBy(user: RepositoryUser): void {
    this.user = user;
  }

  /**
   * Deletes a repository with its mirror. With `force` also with its tasks, of which those that run are told to end.
   * Throws RepositoryNotFound, RepositoryInUse with what would be lost, or is still in the way, GitFailed, and GitNotHere
   * where there can be a mirror, but not here: what is in it could be neither named nor deleted.
   */
  async remove(principal: Principal, id: string, force: boolean, gone: AbortSignal): Promise<void> {
    const { default_branch, last_synced_at } = await this.repositories.get(principal, id);
    const neverFetched = last_synced_at === null && !this.mirrors.here;
    if (!neverFetched) this.mirrors.assertHere();
    if (force) await this.user?.clear(principal, id);
    const use = (await this.user?.count(principal, id)) ?? NOTHING;
    const unmerged = force || neverFetched ? [] : await this.unmerged(id, default_branch, gone);
    if (Object.values(use).some((tasks) => tasks > 0) || unmerged.length > 0)
      throw new RepositoryInUse({ ...use, unmerged_branches: unmerged });
    await this.database.transaction(async () => {
      const organization_id = organizationOf(principal);
      const { full_name, clone_url, local_path } = await this.repositories.get(principal, id);
      if (!(await this.store.delete(organization_id, id))) throw new RepositoryNotFound();
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'repository.deleted',
        subject: { repository_id: id },
        data: { full_name, clone_url, local_path, ...(force && { forced: true }) },
      });
    });
    this.repositories.removeMirrors([id]);
  }

  private unmerged(id: string, default_branch: string | null, gone: AbortSignal): Promise<string[]> {
    const list = (signal: AbortSignal): Promise<string[]> => this.branches.list(id, default_branch, signal);
    return withinGitTime(gone, list, this.mirrors.mending(id));
  }
}
