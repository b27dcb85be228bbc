import { Injectable, Logger } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { cleanText } from '../http/clean-text.js';
import {
  LeasesService,
  type LeaseReport,
  type LeaseRow,
  type NewLogEntry,
  type Signals,
} from '../queue/leases.service.js';
import { type Task, TasksService } from '../tasks/tasks.service.js';
import type { AttemptReport } from './attempt-outcome.js';
import { AttemptsService } from './attempts.service.js';
import { AlreadyFinished, ExecutionNotFound, LeaseLost, WrongLogOffset } from './execution.errors.js';
import { ExecutionsStore, type ExecutionView } from './executions.store.js';
import { StaleWrites } from './stale-writes.js';

export interface LogBatch {
  offset: number;
  entries: { level?: string; stream?: string; message: string; logged_at?: string }[];
}

/** What workers say of the executions they run. Each word is fenced by the execution's id. */
@Injectable()
export class ReportsService {
  private readonly logger = new Logger(ReportsService.name);
  private readonly staleWrites = new StaleWrites();

  constructor(
    private readonly executions: ExecutionsStore,
    private readonly attempts: AttemptsService,
    private readonly leases: LeasesService,
    private readonly tasks: TasksService,
    private readonly events: EventsService,
    private readonly database: Database,
  ) {}

  /** Stores log entries from `offset` on. Throws WrongLogOffset for a gap, LeaseLost for a late word. */
  async log(
    worker: WorkerPrincipal,
    id: string,
    batch: LogBatch,
  ): Promise<Signals & { next_offset: number; cleaned: number }> {
    let cleaned = 0;
    const entries = batch.entries.map((entry): NewLogEntry => {
      const message = cleanText(entry.message);
      if (message !== entry.message) cleaned += 1;
      return {
        level: entry.level ?? 'info',
        stream: entry.stream ?? 'stdout',
        message,
        logged_at: entry.logged_at ?? null,
      };
    });
    const stored = await this.leases.appendLogs(id, worker.id, batch.offset, entries);
    if (stored === null) throw await this.refusal(worker, id);
    if (batch.offset > stored.stored_before) throw new WrongLogOffset(stored.stored_before);
    return { next_offset: stored.stored, cleaned, ...(await this.leases.signals(worker.id, [id])) };
  }

  /** Takes how far an attempt has come, what it used and its checkpoint. Throws LeaseLost for a late word. */
  async progress(worker: WorkerPrincipal, report: LeaseReport): Promise<Signals> {
    const lease = await this.leases.report(worker.id, report);
    if (lease === null) throw await this.refusal(worker, report.id);
    return this.leases.signals(worker.id, [report.id]);
  }

  /**
   * Ends an execution as its worker says. The same outcome again is answered like the first time; another one is
   * AlreadyFinished, and a late word about an attempt that the server has ended is LeaseLost.
   */
  async finish(
    worker: WorkerPrincipal,
    id: string,
    report: AttemptReport,
    last: Pick<LeaseReport, 'usage' | 'session_id'> = {},
  ): Promise<{ execution: ExecutionView; task: Task; signals: Signals }> {
    const ended = await this.database.transaction(async () => {
      const lease = await this.lockWith(worker, { id, ...last });
      if (lease !== null) await this.attempts.end(lease, report, executionActor(id), true);
      return lease !== null;
    });
    const execution = await this.executions.findOne(null, id);
    const [task] = execution === null ? [] : await this.tasks.findByIds([execution.task_id]);
    if (execution === null || task === undefined) throw new ExecutionNotFound();
    if (!ended) await this.assertRepeated(worker, execution, report);
    return { execution, task, signals: await this.leases.signals(worker.id) };
  }

  /** Locks the lease of an execution; what is told with its end counts as told before, also against the budget. */
  private async lockWith(worker: WorkerPrincipal, last: LeaseReport): Promise<LeaseRow | null> {
    const lease = await this.leases.lock(last.id, worker.id);
    const saysMore = last.usage !== undefined || last.session_id !== undefined;
    return lease !== null && saysMore ? this.leases.report(worker.id, last) : lease;
  }

  private async assertRepeated(
    worker: WorkerPrincipal,
    execution: ExecutionView,
    report: AttemptReport,
  ): Promise<void> {
    if (execution.worker_id !== worker.id || !execution.finished_by_worker)
      throw await this.refusal(worker, execution.id);
    // What a budget has ended failed by policy, whichever word but `completed` its worker had for it.
    const isJudged = execution.failure_reason === 'policy' && report.outcome !== 'completed';
    if (execution.status !== report.outcome && !isJudged) throw new AlreadyFinished(execution.status);
  }

  /** Why a word about an execution is not taken; a late one is told of as an event. */
  private async refusal(worker: WorkerPrincipal, id: string): Promise<Error> {
    const execution = await this.executions.findOne(null, id);
    if (execution === null || execution.worker_id !== worker.id) return new ExecutionNotFound();
    if (this.staleWrites.shouldTell(id)) {
      this.logger.warn({ execution_id: id, worker_id: worker.id }, 'a late word of a worker was refused');
      await this.events.record({
        organization_id: execution.organization_id,
        type: 'execution.stale_write',
        actor: worker.actor,
        subject: { task_id: execution.task_id, execution_id: id, worker_id: worker.id },
      });
    }
    return new LeaseLost();
  }
}

const executionActor = (id: string) => ({ type: 'execution', id, login: null, trigger: null }) as const;
