import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { HintsService } from '../events/hints.service.js';
import { LeasesStore, type EndedLease, type LeaseRow, type Signals } from './leases.store.js';
import { LogAppendStore, type NewLogEntry } from './log-append.store.js';

export type { EndedLease, LeaseRow, NewLogEntry, Signals };

/** Topic of hints that a worker should be told something. */
export const workerTopic = (workerId: string): string => `worker:${workerId}`;

/** Who runs what, and until when. */
@Injectable()
export class LeasesService {
  constructor(
    private readonly leases: LeasesStore,
    private readonly logs: LogAppendStore,
    private readonly hints: HintsService,
    private readonly config: QueueConfig,
  ) {}

  lock(executionId: string, workerId: string): Promise<LeaseRow | null> {
    return this.leases.lock(executionId, workerId);
  }

  lockByWorker(workerId: string): Promise<LeaseRow[]> {
    return this.leases.lockByWorker(workerId);
  }

  /** Locks a lease unless somebody else is at it or it has been renewed. */
  lockEnded(lease: LeaseRow, graceful: boolean): Promise<EndedLease | null> {
    return this.leases.lockEnded(lease, graceful);
  }

  /** Ends a lease; its worker has room again, and one more in its figures. */
  end(lease: LeaseRow, outcome: string): Promise<void> {
    return this.leases.end(lease, outcome);
  }

  /** The lease of a task that runs, locked until the transaction ends. */
  lockByTask(taskId: string): Promise<LeaseRow | null> {
    return this.leases.lockByTask(taskId);
  }

  /** Asks the worker that runs a task to end it. */
  async requestCancel(lease: LeaseRow): Promise<void> {
    await this.leases.requestCancel(lease.execution_id);
    if (lease.worker_id !== null) this.hints.send(workerTopic(lease.worker_id));
  }

  /** Gives an attempt begun by hand its time limit. */
  beginUnattended(executionId: string, taskId: string, timeoutSeconds: number): Promise<void> {
    return this.leases.insertUnattended(executionId, taskId, timeoutSeconds);
  }

  /** Makes claims and other ends of this worker wait until the transaction ends. */
  lockWorker(workerId: string): Promise<void> {
    return this.leases.lockWorker(workerId);
  }

  /** Leases whose time is over, unlocked; `lockEnded` then takes one of them. */
  findEnded(graceful: boolean, limit: number): Promise<EndedLease[]> {
    return this.leases.findEnded(graceful, limit);
  }

  /** Renews exactly the executions listed. */
  renew(workerId: string, beats: readonly { id: string; progress?: number; message?: string }[]): Promise<void> {
    return this.leases.renew(workerId, beats, this.config.lease_seconds);
  }

  setProgress(executionId: string, workerId: string, progress?: number, message?: string): Promise<boolean> {
    return this.leases.setProgress(executionId, workerId, progress, message);
  }

  /** Stores log entries from `offset` on; null when the execution is not this worker's any more. */
  appendLogs(
    executionId: string,
    workerId: string,
    offset: number,
    entries: readonly NewLogEntry[],
  ): Promise<{ stored_before: number; stored: number } | null> {
    return this.logs.append(executionId, workerId, offset, entries);
  }

  /** What a worker is to be told with every answer; this counts as contact. `named` are executions it speaks of. */
  signals(workerId: string, named: readonly string[] = []): Promise<Signals> {
    return this.leases.signals(workerId, named);
  }

  isCurrent(executionId: string): Promise<boolean> {
    return this.leases.isCurrent(executionId);
  }
}
