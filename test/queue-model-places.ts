export type Status = 'blocked' | 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'skipped';

/** Where a task stands in an order: what comes later in time comes behind, and within one step the older task first. */
interface Place {
  run_at: number;
  step: number;
}

export interface ModelTask {
  status: Status;
  priority: string;
  key: string | null;
  deps: Set<number>;
  max_retries: number;
  timeout_seconds: number;
  retry_count: number;
  attempts: number;
  run_at: number;
  place: ({ kind: 'queue' | 'wait' } & Place) | null;
  execution: number | null;
  cancel: boolean;
  deleted: boolean;
}

/** Tasks in their places: in the queue, or waiting for an exclusive key outside of it. Part of the model. */
export class QueueModelPlaces {
  readonly tasks: ModelTask[] = [];
  protected now = 0;
  private step = 0;
  private readonly holders = new Map<string, number>();

  /** Begins a step: what is queued within one has the same time. */
  begin(): void {
    this.step += 1;
  }

  pass(seconds: number): void {
    this.now += seconds;
  }

  /** Keys that nobody holds go to those whose time has come. */
  promote(): void {
    for (const key of new Set(this.tasks.flatMap((task) => (task.place?.kind === 'wait' ? [task.key ?? ''] : []))))
      if (!this.holders.has(key)) this.handOn(key);
  }

  holderOf(key: string): number | null {
    return this.holders.get(key) ?? null;
  }

  protected enqueue(index: number): void {
    const task = this.task(index);
    const run_at = Math.max(task.run_at, this.now);
    const mayQueue =
      task.key === null || (task.run_at <= this.now && [undefined, index].includes(this.holders.get(task.key)));
    if (task.key !== null && mayQueue) this.holders.set(task.key, index);
    task.place = { kind: mayQueue ? 'queue' : 'wait', run_at, step: this.step };
  }

  /** One that waits asks for its key again when something about it changes: nobody may have it since its time came. */
  protected applyAnew(index: number): void {
    const task = this.task(index);
    if (task.key === null || task.place?.kind !== 'wait' || task.place.run_at > this.now) return;
    if (this.holders.has(task.key)) return;
    this.holders.set(task.key, index);
    task.place = { kind: 'queue', run_at: this.now, step: this.step };
  }

  /** Out of the queue or the wait, and the key to the next. */
  protected leave(index: number): void {
    this.task(index).place = null;
    this.release(index);
  }

  protected release(index: number): void {
    const { key } = this.task(index);
    if (key === null || this.holders.get(key) !== index) return;
    this.holders.delete(key);
    this.handOn(key);
  }

  private handOn(key: string): void {
    const next = this.ordered('wait', (task) => task.key === key && (task.place?.run_at ?? 0) <= this.now)[0];
    if (next === undefined) return;
    this.holders.set(key, next);
    this.task(next).place = { kind: 'queue', run_at: this.now, step: this.step };
  }

  protected ordered(kind: 'queue' | 'wait', isWanted: (task: ModelTask) => boolean): number[] {
    const placed = this.tasks
      .map((task, index) => ({ task, index, place: task.place }))
      .filter(({ task, place }) => place?.kind === kind && isWanted(task));
    const compare = (a: (typeof placed)[0], b: (typeof placed)[0]): number =>
      a.task.priority.localeCompare(b.task.priority) ||
      (a.place?.run_at ?? 0) - (b.place?.run_at ?? 0) ||
      (a.place?.step ?? 0) - (b.place?.step ?? 0) ||
      a.index - b.index;
    return placed.sort(compare).map(({ index }) => index);
  }

  protected task(index: number): ModelTask {
    const task = this.tasks[index];
    if (task === undefined) throw new Error(`the model has no task ${String(index)}`);
    return task;
  }
}
