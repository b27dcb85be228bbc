import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService, type NewEvent } from '../events/events.service.js';
import { LeasesService, type Signals } from '../queue/leases.service.js';
import { WorktreeReportsStore, type ToldCheckout, type WorktreeReport } from './worktree-reports.store.js';

export type { WorktreeReport };

/** What a worker is told in return for its inventory. */
export interface InventoryReceipt extends Signals {
  remove_worktrees: string[];
  force_worktrees: string[];
}

/** Checkouts on the disks of workers. */
@Injectable()
export class WorktreeReports {
  constructor(
    private readonly store: WorktreeReportsStore,
    private readonly leases: LeasesService,
    private readonly events: EventsService,
    private readonly database: Database,
  ) {}

  /**
   * Takes the whole inventory of a worker; what it no longer lists is gone, which is how a removal is confirmed. A wish for
   * one that turns out to hold work is withdrawn.
   */
  async take(worker: WorkerPrincipal, reports: readonly WorktreeReport[]): Promise<InventoryReceipt> {
    const wanted = await this.database.transaction(async () => {
      // First: a wish that comes later asks anew.
      await this.leases.noteInventory(worker.id);
      const gone = await this.store.replace(worker.id, reports);
      const kept = await this.store.withdraw(worker.id);
      await this.events.record(
        ...gone.map((checkout) => factOf('worktree.removed', checkout, worker)),
        ...kept.map((checkout) => factOf('worktree.kept', checkout, worker)),
      );
      return this.store.wanted(worker.id);
    });
    const signals = await this.leases.look(worker.id, []);
    return {
      remove_worktrees: wanted.map(({ id }) => id),
      force_worktrees: wanted.filter((one) => one.removal_forced).map(({ id }) => id),
      ...signals,
    };
  }
}

const factOf = (
  type: 'worktree.removed' | 'worktree.kept',
  { id, organization_id, repository_id, path, branch, removal_requested_at, removal_forced }: ToldCheckout,
  { id: worker_id, actor }: WorkerPrincipal,
): NewEvent => ({
  organization_id,
  type,
  actor,
  subject: { worktree_id: id, execution_id: id, worker_id, ...(repository_id === null ? {} : { repository_id }) },
  data: { kind: 'checkout', path, branch, requested: removal_requested_at !== null, forced: removal_forced },
});
