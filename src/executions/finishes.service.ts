import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { Metrics } from '../metrics/metrics.js';
import { LeasesService, type LeaseReport, type LeaseRow, type Signals } from '../queue/leases.service.js';
import { TasksService } from '../tasks/tasks.service.js';
import type { AttemptReport } from './attempt-outcome.js';
import { AttemptsService, type EndedAttempt } from './attempts.service.js';
import { AlreadyFinished, ExecutionNotFound } from './execution.errors.js';
import { ExecutionsService, type ExecutionView } from './executions.service.js';
import { LateWordsService } from './late-words.service.js';

/** What a worker says of the end of an execution. */
export interface FinishWish {
  id: string;
  report: AttemptReport;
  /** What it used and which session it was, when that is told with its end. */
  last?: Pick<LeaseReport, 'usage' | 'session_id'>;
}

interface OwnWish extends FinishWish {
  worker: WorkerPrincipal;
}

/** Executions that their workers end. Those that end at the same time, on whatever way they come, end together. */
@Injectable()
export class FinishesService {
  private readonly ends: GroupCommit<OwnWish, EndedAttempt | null>;

  constructor(
    private readonly executions: ExecutionsService,
    private readonly attempts: AttemptsService,
    private readonly leases: LeasesService,
    private readonly tasks: TasksService,
    private readonly lateWords: LateWordsService,
    private readonly metrics: Metrics,
    private readonly database: Database,
  ) {
    this.ends = new GroupCommit(database, {
      runAll: (wishes) => this.endAll(wishes),
      keysOf: ({ id }) => [id],
      limit: 100,
      width: 2,
    });
  }

  /** Ends an execution, and tells the worker what it is to know. Throws what `end` throws. */
  async finish(worker: WorkerPrincipal, wish: FinishWish): Promise<EndedAttempt & { signals: Signals }> {
    const ended = await this.end(worker, wish);
    return { ...ended, signals: await this.leases.signals(worker.id) };
  }

  /**
   * Ends an execution as its worker says. The same outcome again is answered like the first time; another one is
   * AlreadyFinished, and a late word about an attempt that the server has ended is LeaseLost.
   */
  async end(worker: WorkerPrincipal, wish: FinishWish): Promise<EndedAttempt> {
    const ended = await this.ends.run({ ...wish, worker });
    if (ended !== null) {
      const { status: outcome, failure_reason: reason } = ended.execution;
      this.metrics.finishes.inc({ outcome, reason: reason ?? '' });
      return ended;
    }
    const execution = await this.executions.findAny(wish.id);
    const task = execution && (await this.tasks.findByIds([execution.task_id]))[0];
    if (execution === null || !task) throw new ExecutionNotFound();
    await this.assertRepeated(worker, execution, wish.report);
    return { execution, task };
  }

  /** What has become of each wish whose lease was its worker's; null for the others. */
  private endAll(wishes: readonly OwnWish[]): Promise<(EndedAttempt | null)[]> {
    return this.database.preparedTransaction(async () => {
      const leases = await this.lockWith(wishes);
      const held = wishes.flatMap(({ id, report }, at) => {
        const lease = leases[at];
        return lease ? [{ at, end: { lease, said: report, actor: executionActor(id), byWorker: true } }] : [];
      });
      if (held.length === 0) return wishes.map(() => null);
      const ended = await this.attempts.endAll(held.map(({ end }) => end));
      const endedAt = new Map(held.map(({ at }, place) => [at, ended[place]]));
      return wishes.map((_, at) => endedAt.get(at) ?? null);
    });
  }

  /** Locks the leases of executions; what is told with their end counts as told before, also against the budget. */
  private async lockWith(wishes: readonly OwnWish[]): Promise<(LeaseRow | null)[]> {
    const wanted = wishes.map(({ id, worker }) => ({ execution_id: id, worker_id: worker.id }));
    const leases = await this.leases.lockAll(wanted);
    const words = wishes.flatMap(({ id, worker, last = {} }, at) => {
      const saysMore = last.usage !== undefined || last.session_id !== undefined;
      return saysMore && leases[at] ? [{ ...last, id, worker_id: worker.id }] : [];
    });
    if (words.length === 0) return leases;
    const told = new Map((await this.leases.reportAll(words)).map((lease) => [lease.execution_id, lease]));
    return leases.map((lease) => lease && (told.get(lease.execution_id) ?? lease));
  }

  private async assertRepeated(
    worker: WorkerPrincipal,
    execution: ExecutionView,
    report: AttemptReport,
  ): Promise<void> {
    if (execution.worker_id !== worker.id || !execution.finished_by_worker)
      throw await this.lateWords.refusal(worker, execution.id);
    // What a budget has ended failed by policy, whichever word but `completed` its worker had for it.
    const isJudged = execution.failure_reason === 'policy' && report.outcome !== 'completed';
    if (execution.status !== report.outcome && !isJudged) throw new AlreadyFinished(execution.status);
  }
}

const executionActor = (id: string) => ({ type: 'execution', id, login: null, trigger: null }) as const;
