import { QueueModelPlaces, type Status } from './queue-model-places.js';

/** The queue as it should be: a pure state machine with a clock of its own. Nothing here is taken from the product. */

export type Outcome = 'completed' | 'failed' | 'cancelled' | 'released';
export type Reason = 'agent_error' | 'auth' | 'rate_limited';

export const LEASE_SECONDS = 60;
const TIMEOUT_GRACE = 20;

export interface NewModelTask {
  priority: 'P0' | 'P1' | 'P2';
  key: string | null;
  deps: number[];
  max_retries: number;
  timeout_seconds: number;
  /** Seconds from now. */
  delay: number;
}

export interface ModelExecution {
  task: number;
  worker: number;
  status: Outcome | 'running';
  by_worker: boolean;
  expires: number;
  deadline: number;
}

const isFinal = (status: Status): boolean => !['blocked', 'pending', 'running'].includes(status);
const isBroken = (status: Status): boolean => isFinal(status) && status !== 'completed';

export class QueueModel extends QueueModelPlaces {
  readonly executions: ModelExecution[] = [];

  constructor(readonly capacities: readonly number[]) {
    super();
  }

  create({ deps, delay, ...wanted }: NewModelTask): string {
    const statuses = deps.map((dep) => this.task(dep).status);
    const index = this.tasks.push({
      ...wanted,
      deps: new Set(deps),
      status: 'blocked',
      retry_count: 0,
      attempts: 0,
      run_at: this.now + delay,
      place: null,
      execution: null,
      cancel: false,
      deleted: false,
    });
    if (statuses.some(isBroken)) this.skip(index - 1);
    else if (statuses.every((status) => status === 'completed')) this.makePending(index - 1);
    return 'ok';
  }

  /** Indexes of the tasks given. */
  claim(worker: number, max: number): number[] {
    const running = this.executions.filter((one) => one.status === 'running' && one.worker === worker).length;
    const free = Math.max(0, Math.min(max, (this.capacities[worker] ?? 0) - running));
    const given = this.ordered('queue', () => true)
      .filter((index) => (this.task(index).place?.run_at ?? 0) <= this.now)
      .slice(0, free);
    for (const index of given) {
      const task = this.task(index);
      task.status = 'running';
      task.attempts += 1;
      task.place = null;
      task.execution = this.executions.push({
        task: index,
        worker,
        status: 'running',
        by_worker: false,
        expires: this.now + LEASE_SECONDS,
        deadline: this.now + task.timeout_seconds,
      });
      task.execution -= 1;
    }
    return given;
  }

  beat(worker: number, named: readonly number[]): { cancel: number[]; lost: number[] } {
    const held = (index: number): boolean => {
      const one = this.executions[index];
      return one !== undefined && one.status === 'running' && one.worker === worker;
    };
    for (const index of named) {
      const one = this.executions[index];
      if (one && held(index)) one.expires = this.now + LEASE_SECONDS;
    }
    const all = this.executions.map((_, index) => index);
    return {
      cancel: all.filter((index) => held(index) && this.task(this.execution(index).task).cancel),
      lost: named.filter((index) => !held(index)),
    };
  }

  finish(index: number, outcome: Outcome, reason: Reason): string {
    const execution = this.execution(index);
    if (this.task(execution.task).deleted) return 'execution/not-found';
    if (execution.status !== 'running') {
      if (!execution.by_worker) return 'execution/lease-lost';
      return execution.status === outcome ? 'ok' : 'execution/already-finished';
    }
    this.end(index, outcome, reason, true);
    return 'ok';
  }

  sweep(): void {
    this.executions.forEach((one, index) => {
      if (one.status !== 'running') return;
      // At the very moment too: the clock of the database has gone on a little since.
      if (one.deadline <= this.now - TIMEOUT_GRACE) this.end(index, 'failed', 'timeout', false);
      else if (one.expires <= this.now) this.end(index, 'failed', 'worker_lost', false);
    });
  }

  cancel(index: number): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (isFinal(task.status)) return 'task/final';
    if (task.status === 'running') {
      task.cancel = true;
      return 'ok';
    }
    this.leave(index);
    task.status = 'cancelled';
    this.skipBehind(index);
    return 'ok';
  }

  retry(index: number): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (!isBroken(task.status)) return 'task/not-retryable';
    Object.assign(task, { retry_count: 0, run_at: this.now, cancel: false, execution: null, status: 'blocked' });
    if (this.unmet(index) === 0) this.makePending(index);
    return 'ok';
  }

  remove(index: number): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (task.status === 'running') return 'task/running';
    if (this.dependents(index).some((one) => ['blocked', 'pending'].includes(this.task(one).status)))
      return 'task/needed';
    this.leave(index);
    task.deleted = true;
    for (const one of this.tasks) one.deps.delete(index);
    task.deps.clear();
    return 'ok';
  }

  addDependency(index: number, on: number): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (task.status !== 'blocked' && task.status !== 'pending') return 'task/not-waiting';
    if (this.task(on).deleted) return 'task/unknown-dependency';
    if (this.reaches(on, index)) return 'task/dependency-cycle';
    if (task.deps.has(on)) return 'task/dependency-exists';
    task.deps.add(on);
    this.reconsider(index);
    return 'ok';
  }

  removeDependency(index: number, on: number): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (task.status !== 'blocked' && task.status !== 'pending') return 'task/not-waiting';
    if (!task.deps.delete(on)) return 'task/dependency-not-found';
    this.reconsider(index, false);
    return 'ok';
  }

  setPriority(index: number, priority: 'P0' | 'P1' | 'P2'): string {
    const task = this.task(index);
    if (task.deleted) return 'task/not-found';
    if (isFinal(task.status)) return 'task/not-editable';
    task.priority = priority;
    this.applyAnew(index);
    return 'ok';
  }

  private end(index: number, outcome: Outcome, reason: Reason | 'timeout' | 'worker_lost', byWorker: boolean): void {
    const execution = this.execution(index);
    const task = this.task(execution.task);
    Object.assign(execution, { status: outcome, by_worker: byWorker });
    if (outcome === 'completed') this.settle(execution.task, 'completed');
    else if (outcome === 'cancelled' || task.cancel) this.settle(execution.task, 'cancelled');
    else if (outcome === 'released') this.requeue(execution.task, 0);
    else if (reason === 'auth') this.settle(execution.task, 'failed');
    else if (reason === 'rate_limited')
      this.requeue(execution.task, Math.min(900, 60 * 2 ** Math.max(0, task.attempts - task.retry_count - 1)));
    else if (task.retry_count >= task.max_retries) this.settle(execution.task, 'failed');
    else {
      task.retry_count += 1;
      this.requeue(execution.task, 0);
    }
  }

  private settle(index: number, status: 'completed' | 'failed' | 'cancelled'): void {
    this.task(index).status = status;
    if (status === 'completed') this.wake(index);
    else this.skipBehind(index);
    // After that: one that waited for this task may be the most urgent of those that wait for its key.
    this.release(index);
  }

  private requeue(index: number, delay: number): void {
    const task = this.task(index);
    Object.assign(task, { status: 'pending', run_at: this.now + delay, execution: null, cancel: false });
    this.release(index);
    this.enqueue(index);
  }

  private wake(index: number): void {
    const waiting = this.dependents(index).filter((one) => ['blocked', 'skipped'].includes(this.task(one).status));
    const ready = waiting.filter((one) => this.unmet(one) === 0);
    // All at once: of those that want the same key the most urgent gets it.
    ready.sort((a, b) => this.task(a).priority.localeCompare(this.task(b).priority) || a - b);
    ready.forEach((one) => this.makePending(one));
    for (const one of waiting)
      if (!ready.includes(one) && this.task(one).status === 'skipped' && !this.hasBroken(one))
        this.task(one).status = 'blocked';
  }

  private skip(index: number): void {
    this.task(index).status = 'skipped';
    this.skipBehind(index);
  }

  private skipBehind(index: number): void {
    for (const one of this.dependents(index)) if (this.task(one).status === 'blocked') this.skip(one);
  }

  private reconsider(index: number, skip = true): void {
    const task = this.task(index);
    if (this.unmet(index) === 0) {
      if (task.status === 'blocked') this.makePending(index);
      return;
    }
    if (task.status === 'pending') {
      this.leave(index);
      task.status = 'blocked';
      task.run_at = Math.max(task.run_at, this.now);
    }
    if (skip && this.hasBroken(index)) this.skip(index);
  }

  private makePending(index: number): void {
    const task = this.task(index);
    task.status = 'pending';
    task.run_at = Math.max(task.run_at, this.now);
    this.enqueue(index);
  }

  private unmet(index: number): number {
    return [...this.task(index).deps].filter((dep) => this.task(dep).status !== 'completed').length;
  }

  private hasBroken(index: number): boolean {
    return [...this.task(index).deps].some((dep) => isBroken(this.task(dep).status));
  }

  private dependents(index: number): number[] {
    return this.tasks.flatMap((task, one) => (task.deps.has(index) ? [one] : []));
  }

  private reaches(from: number, to: number): boolean {
    return from === to || [...this.task(from).deps].some((dep) => this.reaches(dep, to));
  }

  private execution(index: number): ModelExecution {
    const execution = this.executions[index];
    if (execution === undefined) throw new Error(`the model has no execution ${String(index)}`);
    return execution;
  }
}
