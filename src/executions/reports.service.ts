import { Injectable, Logger } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { cleanText } from '../http/clean-text.js';
import { LeasesService, type NewLogEntry, type Signals } from '../queue/leases.service.js';
import { type Task, TasksService } from '../tasks/tasks.service.js';
import { type AttemptReport, AttemptsService } from './attempts.service.js';
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

  async progress(worker: WorkerPrincipal, id: string, progress?: number, message?: string): Promise<Signals> {
    const current = await this.leases.setProgress(id, worker.id, progress, message);
    if (!current) throw await this.refusal(worker, id);
    return this.leases.signals(worker.id, [id]);
  }

  /**
   * Ends an execution as its worker says. The same outcome again is answered like the first time; another one is
   * AlreadyFinished, and a late word about an attempt that the server has ended is LeaseLost.
   */
  async finish(
    worker: WorkerPrincipal,
    id: string,
    report: AttemptReport,
  ): Promise<{ execution: ExecutionView; task: Task; signals: Signals }> {
    const ended = await this.database.transaction(async () => {
      const lease = await this.leases.lock(id, worker.id);
      if (lease !== null) await this.attempts.end(lease, report, executionActor(id), true);
      return lease !== null;
    });
    const execution = await this.executions.findOne(null, id);
    const [task] = execution === null ? [] : await this.tasks.findByIds([execution.task_id]);
    if (execution === null || task === undefined) throw new ExecutionNotFound();
    if (!ended) await this.assertRepeated(worker, execution, report);
    return { execution, task, signals: await this.leases.signals(worker.id) };
  }

  private async assertRepeated(
    worker: WorkerPrincipal,
    execution: ExecutionView,
    report: AttemptReport,
  ): Promise<void> {
    if (execution.worker_id !== worker.id || !execution.finished_by_worker)
      throw await this.refusal(worker, execution.id);
    if (execution.status !== report.outcome) throw new AlreadyFinished(execution.status);
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
