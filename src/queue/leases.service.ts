import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { HintsService } from '../events/hints.service.js';
import { eventsTopic, tellLive } from '../events/topics.js';
import { LeaseReportStore, type LeaseReport, type ReportedLease, type WorkerReport } from './lease-report.store.js';
import {
  LeasesStore,
  type Contact,
  type ContactCall,
  type EndedLease,
  type LeaseKey,
  type LeaseRow,
  type Signals,
} from './leases.store.js';
import { LogAppendStore, type NewLogEntry, type StoredLog } from './log-append.store.js';

export type { Contact, EndedLease, LeaseKey, LeaseReport, LeaseRow, NewLogEntry, Signals };

/** Topic of hints that a worker should be told something. */
export const workerTopic = (workerId: string): string => `worker:${workerId}`;

/** Topic of hints that an execution has new log entries, or has ended. */
export const executionTopic = (executionId: string): string => `execution:${executionId}`;

/** Who runs what, and until when. */
@Injectable()
export class LeasesService {
  private readonly told: GroupCommit<WorkerReport[], LeaseRow[]>;
  private readonly calls: GroupCommit<ContactCall & { patient?: boolean }, Contact>;

  constructor(
    private readonly leases: LeasesStore,
    private readonly reports: LeaseReportStore,
    private readonly logs: LogAppendStore,
    private readonly hints: HintsService,
    private readonly config: QueueConfig,
    database: Database,
  ) {
    // Their workers have been looked up together at that interval, so that most come in one turn.
    const milliseconds = config.heartbeat_gather_seconds * 100;
    this.told = new GroupCommit(database, {
      runAll: (items) => database.preparedTransaction(() => this.takeAll(items)),
      // What is said of an execution later comes later.
      keysOf: (reports) => reports.map(({ id }) => id),
      limit: 100,
      width: 2,
      patience: { milliseconds, isPatient: (reports) => reports.every(isRenewal) },
    });
    this.calls = new GroupCommit(database, {
      runAll: (calls) => leases.contactAll(calls),
      limit: 200,
      width: 1,
      patience: { milliseconds, isPatient: ({ patient }) => patient === true },
    });
  }

  /** Locks leases until the transaction ends; null for one that has ended or is another worker's. */
  lockAll(wanted: readonly LeaseKey[]): Promise<(LeaseRow | null)[]> {
    return this.leases.lockAll(wanted);
  }

  lockByWorker(workerId: string): Promise<LeaseRow[]> {
    return this.leases.lockByWorker(workerId);
  }

  /** Locks a lease unless somebody else is at it or it has been renewed. */
  lockEnded(lease: LeaseRow, graceful: boolean): Promise<EndedLease | null> {
    return this.leases.lockEnded(lease, graceful);
  }

  /** Ends leases; their workers have room again. */
  async endAll(executionIds: readonly string[]): Promise<void> {
    await this.leases.endAll(executionIds);
    for (const id of executionIds) this.hints.send(executionTopic(id));
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

  /** Notes that work was taken from a worker that kept silent, in the transaction that does so. */
  noteLoss(workerId: string): Promise<void> {
    return this.leases.noteLoss(workerId);
  }

  /** Asks a worker for its inventory, with every answer until it comes, and over its channel at once. */
  async askForInventory(workerId: string): Promise<void> {
    await this.leases.askForInventory(workerId);
    this.hints.send(workerTopic(workerId));
  }

  /** The inventory has come; before anybody looks what the worker is to be told in return. */
  noteInventory(workerId: string): Promise<void> {
    return this.leases.noteInventory(workerId);
  }

  /** Leases whose time is over, unlocked; `lockEnded` then takes one of them. */
  findEnded(graceful: boolean, limit: number): Promise<EndedLease[]> {
    return this.leases.findEnded(graceful, limit);
  }

  /** Takes what a worker says of executions; gives the leases of those that are this worker's, and of no other. */
  report(worker_id: string, reports: readonly LeaseReport[]): Promise<LeaseRow[]> {
    return this.told.run(reports.map((report) => ({ ...report, worker_id, lease_seconds: null })));
  }

  /** The same for several workers, in the transaction under way. */
  async reportAll(reports: readonly (LeaseReport & { worker_id: string })[]): Promise<LeaseRow[]> {
    const leases = await this.reports.reportAll(reports.map((report) => ({ ...report, lease_seconds: null })));
    this.tell(leases);
    return leases;
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

  /**
   * What a worker is to be told with every answer; this counts as contact. `named` are executions it speaks of, `metrics`
   * the usage of its machine if it says so.
   */
  async signals(worker_id: string, named: readonly string[] = [], metrics: object | null = null): Promise<Signals> {
    return this.call({ worker_id, named, metrics, contact: metrics === null ? 'word' : 'beat' });
  }

  /** The same for several workers, in the transaction under way. */
  async signalsOf(workerIds: readonly string[]): Promise<ReadonlyMap<string, Signals>> {
    const calls = workerIds.map((worker_id) => ({ worker_id, named: [], metrics: null, contact: 'word' as const }));
    const contacts = calls.length === 0 ? [] : await this.leases.contactAll(calls);
    return new Map(workerIds.flatMap((id, at) => (contacts[at] ? [[id, signalsIn(contacts[at])] as const] : [])));
  }

  /** The same where the worker has said nothing, to tell it by ourselves. */
  look(worker_id: string, named: readonly string[]): Promise<Signals> {
    return this.call({ worker_id, named, metrics: null, contact: 'none' });
  }

  /**
   * Takes a heartbeat: renews exactly the executions of which it speaks, and gives what the worker is to be told. Heartbeats
   * wait a little for each other, once: nobody is in a hurry, and a write for each would cost more than all they say.
   */
  async beat(worker_id: string, reports: readonly LeaseReport[], metrics: object | null): Promise<Contact> {
    await this.renew(worker_id, reports);
    const named = reports.map(({ id }) => id);
    return this.calls.run({ worker_id, named, metrics, contact: 'beat', patient: reports.length === 0 });
  }

  isCurrent(executionId: string): Promise<boolean> {
    return this.leases.isCurrent(executionId);
  }

  private async renew(worker_id: string, reports: readonly LeaseReport[]): Promise<void> {
    const { lease_seconds } = this.config;
    if (reports.length > 0) await this.told.run(reports.map((report) => ({ ...report, worker_id, lease_seconds })));
  }

  private async call(call: ContactCall): Promise<Signals> {
    return signalsIn(await this.calls.run(call));
  }

  private async takeAll(items: readonly (readonly WorkerReport[])[]): Promise<LeaseRow[][]> {
    const leases = await this.reports.reportAll(items.flat());
    this.tell(leases);
    const byId = new Map(leases.map((lease) => [lease.execution_id, lease]));
    return items.map((item) =>
      item.flatMap(({ id, worker_id }) => {
        const lease = byId.get(id);
        return lease?.worker_id === worker_id ? [lease] : [];
      }),
    );
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

/** What nobody waits for: it may be said with others. */
const isRenewal = ({ lease_seconds }: WorkerReport): boolean => lease_seconds !== null;

const signalsIn = ({ cancel, lost, desired_status, send_inventory }: Contact): Signals => ({
  cancel,
  lost,
  desired_status,
  send_inventory,
});
