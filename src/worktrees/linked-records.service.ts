import { Injectable } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { BegunWorktrees } from '../git/begun-worktrees.service.js';
import { shown } from '../git/byte-path.js';
import { LocalWorktrees, type LinkedWorktree } from '../git/local-worktrees.service.js';
import type { OpenView } from '../git/safe-views.js';
import { UnfinishedRemovals } from '../git/unfinished-removals.service.js';
import { newId } from '../ids.js';
import type { LocalRepository } from '../repositories/local-repositories.service.js';
import { WorktreesStore, type LinkedRow } from './worktrees.store.js';

/** The linked work trees of a repository as they are on the disk, and their ids. */
export interface OpenRepository extends OpenView {
  repository: LocalRepository;
  found: LinkedWorktree[];
  records: LinkedRow[];
}

/** The ids of linked work trees: git knows them by names alone, which others may have later. */
@Injectable()
export class LinkedRecords {
  constructor(
    private readonly store: WorktreesStore,
    private readonly local: LocalWorktrees,
    private readonly begun: BegunWorktrees,
    private readonly unfinished: UnfinishedRemovals,
    private readonly events: EventsService,
    private readonly database: Database,
  ) {}

  /**
   * Goes to the disk and brings the ids up to what is there. Whoever asks for it closes it. Throws GitNotHere and
   * GitFailed.
   */
  async open(repository: LocalRepository, signal: AbortSignal): Promise<OpenRepository> {
    await Promise.all([this.begun.settleSoon(), this.unfinished.settleSoon()]);
    const open = await this.local.open(repository.path, signal);
    try {
      return { ...open, repository, records: await this.bringUp(repository, open.found) };
    } catch (error) {
      await open.close();
      throw error;
    }
  }

  /** The ids alone. */
  async read(repository: LocalRepository, signal: AbortSignal): Promise<LinkedRow[]> {
    const { records, close } = await this.open(repository, signal);
    await close();
    return records;
  }

  private async bringUp(repository: LocalRepository, found: readonly LinkedWorktree[]): Promise<LinkedRow[]> {
    const known = await this.store.linkedIn(repository.id);
    const isKnown = (linked: LinkedWorktree): boolean => known.some((record) => isOf(record, linked));
    if (known.length === found.length && found.every(isKnown)) return known;
    const told = found.map(({ name, created_at }) => ({ id: newId(), name, created_at }));
    await this.database.transaction(async () => {
      const gone = await this.store.replaceLinked(repository, told);
      // Removed by whoever works in the repository, or cleared away as its addition came to no end.
      await this.events.record(
        ...gone.map(({ id, name }) => ({
          ...{ organization_id: repository.organization_id, type: 'worktree.removed' as const, actor: SYSTEM },
          subject: { worktree_id: id, repository_id: repository.id },
          data: { kind: 'linked', name: shown(name), found_gone: true },
        })),
      );
    });
    return this.store.linkedIn(repository.id);
  }
}

/** Whether a record is of what has its name now. */
export const isOf = (record: LinkedRow, { name, created_at }: LinkedWorktree): boolean =>
  record.name.equals(name) && record.created_at.getTime() === created_at.getTime();
