import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import type { Page } from '../http/page.js';
import type { PausedWorker } from './paused-worker.js';
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

  /**
   * They take no more, and each stops when it has ended what it runs. Answers those that were paused. In the transaction
   * under way.
   */
  async drainAll(principal: Principal, coordinatorId: string, note: string | null): Promise<PausedWorker[]> {
    const paused: PausedWorker[] = [];
    for (const worker of await this.store.lockOf(coordinatorId)) {
      if (worker.status === 'stopped' || worker.status === 'draining') continue;
      if (worker.status === 'paused') paused.push({ id: worker.id, note: worker.note, until: worker.rests_until });
      await this.store.setStatus(worker.id, 'draining', { note, until: null });
      await this.records.note(principal, worker, 'worker.drained', { note });
      await this.records.tellHealth(worker.id);
    }
    return paused;
  }

  /**
   * Takes a drain of all back: those go on that drain with its note and have not stopped, and who was paused before is so
   * again.
   */
  async resumeAll(
    principal: Principal,
    coordinatorId: string,
    note: string | null,
    paused: readonly PausedWorker[],
  ): Promise<void> {
    for (const worker of await this.store.lockOf(coordinatorId)) {
      if (!['draining', 'stopped'].includes(worker.status) || worker.note !== note) continue;
      const before = paused.find(({ id }) => id === worker.id);
      if (before) {
        await this.store.setStatus(worker.id, 'paused', before);
        await this.records.note(principal, worker, 'worker.paused', { note: before.note, until: before.until });
        continue;
      }
      if (worker.status === 'stopped') continue;
      await this.store.setStatus(worker.id, 'active', { note: null, until: null });
      await this.records.note(principal, worker, 'worker.resumed');
      await this.records.tellHealth(worker.id);
    }
  }
}
