import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { withinGitTime } from '../git/git-time.js';
import { WorktreeNotFound } from '../git/git.errors.js';
import { WorktreeAdditions } from '../git/worktree-additions.service.js';
import { LocalRepositories, type LocalRepository } from '../repositories/local-repositories.service.js';
import { LinkedRecords } from './linked-records.service.js';
import type { Worktree } from './worktree.js';
import { RepositoryElsewhere } from './worktree.errors.js';
import { WorktreeLists } from './worktree-lists.service.js';

export interface AdditionInput {
  repository_id: string;
  branch?: string;
  base_ref?: string;
}

/** Adds linked work trees to local repositories. */
@Injectable()
export class Additions {
  private readonly logger = new Logger(Additions.name);

  constructor(
    private readonly repositories: LocalRepositories,
    private readonly linked: WorktreeAdditions,
    private readonly lists: WorktreeLists,
    private readonly records: LinkedRecords,
    private readonly events: EventsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Throws RepositoryNotFound, RepositoryElsewhere, RefNotFound, BranchInUse, NoPlaceForWorktree, GitNotHere and
   * GitFailed.
   */
  async add(principal: Principal, input: AdditionInput, gone: AbortSignal): Promise<Worktree> {
    const repository = await this.repositories.find(principal, input.repository_id);
    if (repository === null) throw new RepositoryElsewhere();
    const { id: repository_id, organization_id, path: local_path, default_branch } = repository;
    const base_ref = input.base_ref ?? default_branch ?? 'main';
    const { name, cleared } = await this.linked.add({ local_path, branch: input.branch ?? null, base_ref });
    const worktree = await withinGitTime(gone, async (signal) => {
      const records = await this.records.read(repository, signal);
      const record = records.find((one) => one.name.toString('utf8') === name);
      // Somebody was faster than this answer.
      if (record === undefined) throw new WorktreeNotFound();
      return this.lists.openLinked(principal, record.id, signal, (open) => this.lists.see(open, signal));
    });
    const { actor } = principal;
    const subject = { worktree_id: worktree.id, repository_id };
    const data = { kind: worktree.kind, path: worktree.path, branch: worktree.branch, head_sha: worktree.head_sha };
    await this.database.transaction(async () => {
      await this.events.record({ organization_id, type: 'worktree.created', actor, subject, data });
      await this.audit.record({ organization_id, actor, action: 'worktree.created', subject, data });
    });
    // That it is gone is told after that it was there.
    void cleared.then((isCleared) => (isCleared ? this.noteCleared(repository) : undefined));
    return worktree;
  }

  /** It has been cleared away since, as it could not be checked out: with its record that is told. */
  private async noteCleared(repository: LocalRepository): Promise<void> {
    await this.records.read(repository, new AbortController().signal).catch((error: unknown) => {
      this.logger.warn({ err: error, repository_id: repository.id }, 'that a work tree was cleared away is told later');
    });
  }
}
