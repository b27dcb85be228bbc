import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { EventsService } from '../events/events.service.js';
import { type LeaseRow, LeasesService } from '../queue/leases.service.js';
import { FAILURE_RULES } from '../tasks/failure-reasons.js';
import { type Task, TaskMovesService } from '../tasks/task-moves.service.js';
import { type AttemptReport, judge, outcomeFor } from './attempt-outcome.js';
import { ExecutionsStore } from './executions.store.js';

/** The one way an attempt ends, whoever ends it: its worker, the sweep, a worker that takes over the name, or a person. */
@Injectable()
export class AttemptsService {
  constructor(
    private readonly executions: ExecutionsStore,
    private readonly leases: LeasesService,
    private readonly tasks: TaskMovesService,
    private readonly events: EventsService,
    private readonly config: QueueConfig,
  ) {
    tasks.endUnattendedBy((lease, actor) => this.end(lease, { outcome: 'cancelled' }, actor, false));
  }

  /** Ends an attempt whose lease is locked, in the transaction under way. Gives the task as it is then. */
  async end(lease: LeaseRow, said: AttemptReport, actor: Actor, byWorker: boolean): Promise<Task> {
    const { task, budget } = await this.tasks.lockForOutcome(lease.task_id, lease.usage);
    const report = judge(said, lease);
    const reason = report.outcome === 'failed' ? (report.failure_reason ?? 'unknown') : null;
    await this.executions.end(lease.execution_id, {
      status: report.outcome,
      failure_reason: reason,
      error_message: report.error_message ?? (reason && FAILURE_RULES[reason].hint),
      progress: report.outcome === 'completed' ? 100 : lease.progress,
      // What it was at last says nothing of an attempt that is done.
      progress_message: report.outcome === 'completed' ? null : lease.progress_message,
      exit_code: report.exit_code ?? null,
      base_sha: report.base_sha ?? null,
      branch: report.branch ?? null,
      commit_sha: report.commit_sha ?? null,
      log_entries: lease.log_entries,
      log_incomplete: (report.log_entries ?? 0) > lease.log_entries,
      result: report.result ?? null,
      model: report.model ?? null,
      session_id: lease.session_id,
      pull_request_number: report.pull_request_number ?? null,
      quality_score: report.quality_score ?? null,
      usage: lease.usage,
      finished_by_worker: byWorker,
    });
    await this.leases.end(lease, report.outcome);
    await this.events.record({
      organization_id: task.organization_id,
      type: 'execution.finished',
      actor,
      subject: {
        task_id: task.id,
        execution_id: lease.execution_id,
        ...(lease.worker_id !== null && { worker_id: lease.worker_id }),
      },
      data: { status: report.outcome, failure_reason: reason },
    });
    // A task that has gone on without this attempt keeps what it is; the attempt ends all the same.
    if (task.status !== 'running' || task.current_execution_id !== lease.execution_id) return task;
    const { retry_base_seconds } = this.config;
    const judged = { ...report, failure_reason: reason ?? undefined };
    const { outcome, type } = outcomeFor(task, judged, { retry_base_seconds, budget });
    return this.tasks.applyOutcome(task, { ...outcome, usage: lease.usage }, actor, type);
  }
}
