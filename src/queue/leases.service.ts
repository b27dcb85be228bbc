import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { HintsService } from '../events/hints.service.js';
import { eventsTopic, tellLive } from '../events/topics.js';
import { LeaseReportStore, type LeaseReport, type ReportedLease } from './lease-report.store.js';
import { LeasesStore, type Contact, type EndedLease, type LeaseRow, type Signals } from './leases.store.js';
import { LogAppendStore, type NewLogEntry, type StoredLog } from './log-append.store.js';

export type { Contact, EndedLease, LeaseReport, LeaseRow, NewLogEntry, Signals };

/** Topic of hints that a worker should be told something. */
export const workerTopic = (workerId: string): string => `worker:${workerId}`;

/** Topic of hints that an execution has new log entries, or has ended. */
export const executionTopic = (executionId: string): string => `execution:${executionId}`;

/** Who runs what, and until when. */
@Injectable()
export class LeasesService {
  constructor(
    private readonly leases: LeasesStore,
    private readonly reports: LeaseReportStore,
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
  async end(lease: LeaseRow, outcome: string): Promise<void> {
    await this.leases.end(lease, outcome);
    this.hints.send(executionTopic(lease.execution_id));
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

  /** Gives the current attempt of a task that has been begun by hand its execution and its time limit. */
  beginUnattended(taskId: string): Promise<void> {
    return this.leases.insertUnattended(taskId);
  }

  /** Makes claims and other ends of this worker wait until the transaction ends. */
  lockWorker(workerId: string): Promise<void> {
    return this.leases.lockWorker(workerId);
  }

  /** Leases whose time is over, unlocked; `lockEnded` then takes one of them. */
  findEnded(graceful: boolean, limit: number): Promise<EndedLease[]> {
    return this.leases.findEnded(graceful, limit);
  }

  /** Takes what a worker says of its executions, and renews exactly these. */
  async renew(workerId: string, reports: readonly LeaseReport[]): Promise<void> {
    this.tell(await this.reports.report(workerId, reports, this.config.lease_seconds));
  }

  /**
   * Takes what a worker says of an execution, in the transaction under way if there is one. Null when it is not this
   * worker's any more: then nothing is taken.
   */
  async report(workerId: string, report: LeaseReport): Promise<LeaseRow | null> {
    const [lease] = await this.reports.report(workerId, [report]);
    if (lease === undefined) return null;
    this.tell([lease]);
    return lease;
  }

  /** Stores log entries from `offset` on; null when the execution is not this worker's any more. */
  async appendLogs(
    executionId: string,
    workerId: string,
    offset: number,
    entries: readonly NewLogEntry[],
  ): Promise<StoredLog | null> {
    const log = await this.logs.append(executionId, workerId, offset, entries);
    if (log !== null && log.stored > log.stored_before) {
      this.hints.send(executionTopic(executionId));
      const { organization_id, task_id, stored: value } = log;
      tellLive(this.hints, organization_id, { type: 'execution.log', execution_id: executionId, task_id, value });
    }
    return log;
  }

  /** What a worker is to be told with every answer; this counts as contact. `named` are executions it speaks of. */
  async signals(workerId: string, named: readonly string[] = []): Promise<Signals> {
    const { cancel, lost, desired_status } = await this.leases.contact(workerId, named, null);
    return { cancel, lost, desired_status };
  }

  /** The same for a heartbeat, with the usage of the worker's machine if it says so. */
  contact(workerId: string, named: readonly string[], metrics: object | null): Promise<Contact> {
    return this.leases.contact(workerId, named, metrics);
  }

  isCurrent(executionId: string): Promise<boolean> {
    return this.leases.isCurrent(executionId);
  }

  /**
   * A claim that waits on another connection returns when a budget ends what its worker runs; those who look at the
   * organization hear how far its executions have come.
   */
  private tell(leases: readonly ReportedLease[]): void {
    for (const { worker_id, cancel_reason, news_for, warned, execution_id, task_id, progress } of leases) {
      if (worker_id !== null && cancel_reason !== null) this.hints.send(workerTopic(worker_id));
      if (news_for === null) continue;
      if (warned) this.hints.send(eventsTopic(news_for));
      tellLive(this.hints, news_for, { type: 'execution.progress', execution_id, task_id, value: progress });
    }
  }
}
