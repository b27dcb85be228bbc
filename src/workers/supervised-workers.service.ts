import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import type { Page } from '../http/page.js';
import { WorkerControlsStore } from './worker-controls.store.js';
import { WorkerFiguresService } from './worker-figures.service.js';
import { WorkerRecords } from './worker-records.service.js';
import { WorkersService } from './workers.service.js';
import type { WorkerView } from './workers.store.js';

export type { WorkerView };

/** The workers of a coordinator, together. Whose they are has been looked at by who asks. */
@Injectable()
export class SupervisedWorkers {
  constructor(
    private readonly store: WorkerControlsStore,
    private readonly workers: WorkersService,
    private readonly figures: WorkerFiguresService,
    private readonly records: WorkerRecords,
  ) {}

  /** Counts all that workers have done until now. */
  countAll(): Promise<void> {
    return this.figures.countAll();
  }

  list<T>(
    principal: Principal,
    input: { coordinator_id: string; cursor?: string; limit: number },
    present: (worker: WorkerView) => T,
  ): Promise<Page<T>> {
    return this.workers.list(principal, input, present);
  }

  /** They take no more, and each stops when it has ended what it runs. In the transaction under way. */
  async drainAll(principal: Principal, coordinatorId: string, note: string | null): Promise<void> {
    for (const worker of await this.store.lockOf(coordinatorId)) {
      if (worker.status === 'stopped' || worker.status === 'draining') continue;
      await this.store.setStatus(worker.id, 'draining', { note, until: null });
      await this.records.note(principal, worker, 'worker.drained', { note });
      await this.records.tellHealth(worker.id);
    }
  }

  /** Takes a drain of all back, as far as it has not stopped them: those go on that drain with its note. */
  async resumeAll(principal: Principal, coordinatorId: string, note: string | null): Promise<void> {
    for (const worker of await this.store.lockOf(coordinatorId)) {
      if (worker.status !== 'draining' || worker.note !== note) continue;
      await this.store.setStatus(worker.id, 'active', { note: null, until: null });
      await this.records.note(principal, worker, 'worker.resumed');
      await this.records.tellHealth(worker.id);
    }
  }
}
