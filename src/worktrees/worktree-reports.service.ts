import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { LeasesService, type Signals } from '../queue/leases.service.js';
import { WorktreeReportsStore, type WorktreeReport } from './worktree-reports.store.js';

export type { WorktreeReport };

/** What a worker is told in return for its inventory. */
export interface InventoryReceipt extends Signals {
  remove_worktrees: string[];
}

/** Checkouts on the disks of workers. */
@Injectable()
export class WorktreeReports {
  constructor(
    private readonly store: WorktreeReportsStore,
    private readonly leases: LeasesService,
  ) {}

  /** Takes the whole inventory of a worker; what it no longer lists is gone. */
  async take(worker: WorkerPrincipal, reports: readonly WorktreeReport[]): Promise<InventoryReceipt> {
    const remove_worktrees = await this.store.replace(worker.id, reports);
    const { cancel, lost, desired_status } = await this.leases.look(worker.id, []);
    return { remove_worktrees, cancel, lost, desired_status };
  }
}
