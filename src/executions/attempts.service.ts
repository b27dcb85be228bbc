import { Injectable } from '@nestjs/common';
import { ProviderLimits, type LimitReport } from '../agents/provider-limits.service.js';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { EventsService, type NewEvent } from '../events/events.service.js';
import { type LeaseRow, LeasesService } from '../queue/leases.service.js';
import { FAILURE_RULES, type FailureReason } from '../tasks/failure-reasons.js';
import { type Task, TaskMovesService } from '../tasks/task-moves.service.js';
import { TaskNotFound } from '../tasks/task.errors.js';
import { type AttemptReport, judge, outcomeFor } from './attempt-outcome.js';
import { ExecutionsStore, type ExecutionEnd, type ExecutionView } from './executions.store.js';

/** An attempt whose lease is locked, and what is said of its end. */
export interface AttemptEnd {
  lease: LeaseRow;
  said: AttemptReport;
  actor: Actor;
  byWorker: boolean;
}

/** An attempt that has ended, and its task as it is then. */
export interface EndedAttempt {
  execution: ExecutionView;
  task: Task;
}

interface Judged {
  report: AttemptReport;
  reason: FailureReason | null;
}

/** The one way an attempt ends, whoever ends it: its worker, the sweep, a worker that takes over the name, or a person. */
@Injectable()
export class AttemptsService {
  constructor(
    private readonly executions: ExecutionsStore,
    private readonly leases: LeasesService,
    private readonly tasks: TaskMovesService,
    private readonly events: EventsService,
    private readonly config: QueueConfig,
    private readonly limits: ProviderLimits,
  ) {
    tasks.endUnattendedBy((lease, actor) => this.end(lease, { outcome: 'cancelled' }, actor, false));
  }

  /** Ends an attempt whose lease is locked, in the transaction under way. Gives the task as it is then. */
  async end(lease: LeaseRow, said: AttemptReport, actor: Actor, byWorker: boolean): Promise<Task> {
    const [ended] = await this.endAll([{ lease, said, actor, byWorker }]);
    if (ended === undefined) throw new Error('an attempt that ended came back without its task');
    return ended.task;
  }

  /** Ends attempts whose leases are locked, in the transaction under way. Gives them in their order. */
  async endAll(ends: readonly AttemptEnd[]): Promise<EndedAttempt[]> {
    const attempts = ends.map(({ lease: { task_id, usage } }) => ({ task_id, usage }));
    const locked = await this.tasks.lockForOutcomes(attempts);
    const ended = ends.map((end) => {
      const judged = locked.get(end.lease.task_id);
      if (judged === undefined) throw new TaskNotFound();
      return { ...end, ...judged, ...judgedReport(end) };
    });
    await this.events.record(...ended.map(factOf));
    const { retry_base_seconds } = this.config;
    // A task that has gone on without this attempt keeps what it is; the attempt ends all the same.
    const moves = ended.filter(
      ({ task, lease }) => task.status === 'running' && task.current_execution_id === lease.execution_id,
    );
    const outcomes = moves.map(({ task, budget, lease, report, reason, actor }) => {
      const judged = { ...report, failure_reason: reason ?? undefined };
      const { outcome, type } = outcomeFor(task, judged, { retry_base_seconds, budget });
      return { task, outcome: { ...outcome, usage: lease.usage }, actor, type };
    });
    const delays = new Map(outcomes.map(({ task, outcome }) => [task.id, outcome.delay_seconds]));
    // Asked in one go, in the order of locks.
    const [views, , moved] = await Promise.all([
      this.executions.endAll(ended.map(endOf)),
      this.leases.endAll(ended.map(({ lease }) => lease.execution_id)),
      this.tasks.applyOutcomes(outcomes),
    ]);
    await this.limits.report(ended.flatMap((end) => limitMetBy(end, delays.get(end.task.id) ?? 0)));
    const tasks = new Map(moved.map((task) => [task.id, task]));
    const executions = new Map(views.map((execution) => [execution.id, execution]));
    return ended.map(({ task, lease }) => {
      const execution = executions.get(lease.execution_id);
      if (execution === undefined) throw new Error('a lease had no execution');
      return { execution, task: tasks.get(task.id) ?? task };
    });
  }
}

/** What counts of what is said of an attempt, and the reason of a failure. */
function judgedReport({ said, lease }: AttemptEnd): Judged {
  const report = judge(said, lease);
  return { report, reason: report.outcome === 'failed' ? (report.failure_reason ?? 'unknown') : null };
}

function endOf({ lease, report, reason, byWorker }: AttemptEnd & Judged): ExecutionEnd & { id: string } {
  const completed = report.outcome === 'completed';
  return {
    id: lease.execution_id,
    status: report.outcome,
    failure_reason: reason,
    error_message: report.error_message ?? (reason && FAILURE_RULES[reason].hint),
    progress: completed ? 100 : lease.progress,
    // What it was at last says nothing of an attempt that is done.
    progress_message: completed ? null : lease.progress_message,
    exit_code: report.exit_code ?? null,
    base_sha: report.base_sha ?? null,
    branch: report.branch ?? null,
    commit_sha: report.commit_sha ?? null,
    log_entries: lease.log_entries,
    log_left_out: report.log_left_out ?? 0,
    log_incomplete: isLogIncomplete(lease, report, byWorker),
    result: report.result ?? null,
    model: report.model ?? null,
    session_id: lease.session_id,
    pull_request_number: report.pull_request_number ?? null,
    quality_score: report.quality_score ?? null,
    usage: lease.usage,
    finished_by_worker: byWorker,
  };
}

/** What is not known to be complete is not called complete: only its worker knows how much there was to send. */
function isLogIncomplete(lease: LeaseRow, report: AttemptReport, byWorker: boolean): boolean {
  if (!byWorker) return lease.worker_id !== null;
  return (report.log_entries ?? 0) > lease.log_entries || (report.log_left_out ?? 0) > 0;
}

function factOf({ lease, task, actor, report, reason }: AttemptEnd & Judged & { task: Task }): NewEvent {
  const { execution_id, worker_id } = lease;
  return {
    organization_id: task.organization_id,
    type: 'execution.finished',
    actor,
    subject: { task_id: task.id, execution_id, ...(worker_id !== null && { worker_id }) },
    data: { status: report.outcome, failure_reason: reason },
  };
}

/** How long a limit holds when neither its provider nor the task's next attempt tells. */
const USUAL_LIMIT_SECONDS = 60;

/** The provider's limit that an attempt of the fleet met; it holds as long as the task waits. */
function limitMetBy(end: AttemptEnd & Judged & { task: Task }, delay: number): LimitReport[] {
  const { lease, task, actor, report, reason, byWorker } = end;
  if ((reason !== 'rate_limited' && reason !== 'quota') || !byWorker || lease.worker_id === null) return [];
  const { organization_id, agent_type } = task;
  const asked = report.retry_after_seconds ?? 0;
  const seconds = delay > 0 ? delay : Math.max(asked, USUAL_LIMIT_SECONDS);
  const { execution_id, worker_id, task_id } = lease;
  return [{ organization_id, agent_type, worker_id, execution_id, task_id, reason, seconds, actor }];
}
