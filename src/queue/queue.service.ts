import { Injectable } from '@nestjs/common';
import { Database, Last } from '../database/database.js';
import { HintsService } from '../events/hints.service.js';
import { eventsTopic } from '../events/topics.js';
import { ClaimStore, type ClaimedRow, type ClaimRequest, type Heritage } from './claim.store.js';
import { ConcurrencyStore, type KeyedTask } from './concurrency.store.js';
import { HeadsService } from './heads.service.js';
import { LanesStore, type LaneKey } from './lanes.store.js';
import { topicsOf } from './queue-topics.js';
import { QueueStore, type NewEntry } from './queue.store.js';

export type { ClaimedRow, ClaimRequest, Heritage };

const BATCH = 10_000;

/** A task as the queue needs to know it. */
export interface QueuedTask {
  id: string;
  lane_id: number;
  priority: string;
  organization_id: string;
  agent_type: string;
  /** Null for a task that need not be alone. */
  concurrency_key: string | null;
}

/** Thrown within a claim to undo it: whoever asked is gone. */
class Abandoned extends Error {}

/** Which tasks may be claimed, in which order, and by whom. */
@Injectable()
export class QueueService {
  constructor(
    private readonly lanes: LanesStore,
    private readonly queue: QueueStore,
    private readonly claims: ClaimStore,
    private readonly heads: HeadsService,
    private readonly database: Database,
    private readonly keys: ConcurrencyStore,
    private readonly hints: HintsService,
  ) {}

  laneFor(key: LaneKey): Promise<number> {
    return this.lanes.laneFor(key);
  }

  /** Makes a task claimable from `runAt` on, once it holds its exclusive key, and wakes those who wait. */
  enqueue(task: QueuedTask, runAt: Date | string): Promise<void> {
    return this.enqueueAll([{ ...task, run_at: runAt }]);
  }

  /** Makes tasks claimable, a thousand with as many statements as one. */
  async enqueueAll(tasks: readonly (QueuedTask & { run_at: Date | string; waits_since?: Date })[]): Promise<void> {
    const keyed = tasks.flatMap((task) => {
      const { organization_id, agent_type, run_at, waits_since, concurrency_key: key } = task;
      return key === null ? [] : [{ ...entryOf(task), organization_id, agent_type, key, run_at, waits_since }];
    });
    const holding = await this.keys.acquireAll(keyed);
    const free = tasks.filter(({ id, concurrency_key }) => concurrency_key === null || holding.has(id));
    await this.queue.enqueueAll(free.map((task) => ({ ...entryOf(task), run_at: task.run_at })));
    free.forEach((task) => this.announce(task));
  }

  /** Locks a pending task's place, in the queue or behind its key; false when a claim has taken it or it has none. */
  async lock(taskId: string): Promise<boolean> {
    // The wait first: when it ends, the task goes from there into the queue.
    const waits = await this.keys.lockWait(taskId);
    return waits || this.queue.lock(taskId);
  }

  /** Follows a change of a locked pending task's priority, labels or time. */
  async reorder(task: QueuedTask & { run_at: Date }, runAt: Date | null): Promise<void> {
    const since = task.concurrency_key === null ? null : await this.keys.removeWait(task.id);
    if (since !== null) {
      // It applies anew, for the key may have been given away while its wait was locked; its place stays.
      await this.enqueueAll([{ ...task, run_at: runAt ?? since, ...(runAt === null && { waits_since: since }) }]);
    } else if (task.concurrency_key !== null && runAt !== null) {
      // Until its time has come others may have the key.
      await this.remove(task);
      await this.enqueue(task, runAt);
    } else {
      await this.queue.reorder(entryOf(task), runAt);
      this.announce(task);
    }
  }

  /** Takes a pending task out; its exclusive key goes to the next. */
  async remove(task: Pick<QueuedTask, 'id' | 'concurrency_key'>): Promise<void> {
    await this.queue.remove(task.id);
    if (task.concurrency_key === null) return;
    await this.keys.removeWait(task.id);
    await this.enter(await this.keys.release(task.id));
  }

  /**
   * Takes a task out that begins to run outside of the fleet and keeps its key, or gets it when nobody has it because
   * its time had not come; false when another task has the key.
   */
  async leave(taskId: string): Promise<boolean> {
    return (await this.queue.remove(taskId)) || this.keys.take(taskId);
  }

  /**
   * Takes everything of an organization out of the queue, in the transaction that deletes it and holds its lock. False
   * when somebody is at a task of it just now, most likely a claim.
   */
  async clear(organizationId: string): Promise<boolean> {
    while ((await this.queue.removeSome(organizationId, BATCH)) > 0);
    if (await this.queue.holdsAny(organizationId)) return false;
    await this.keys.removeAll(organizationId);
    await this.lanes.removeAll(organizationId);
    return true;
  }

  /** Hands the exclusive keys of tasks whose attempts have ended to the next that wait for them. */
  async releaseAll(tasks: readonly Pick<QueuedTask, 'id' | 'organization_id' | 'concurrency_key'>[]): Promise<void> {
    const keyOf = (task: (typeof tasks)[number]): string => `${task.organization_id} ${task.concurrency_key ?? ''}`;
    const keyed = tasks.filter(({ concurrency_key }) => concurrency_key !== null);
    // In the order in which keys are taken, so that two callers cannot deadlock.
    const inOrder = [...keyed].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
    for (const { id } of inOrder) await this.enter(await this.keys.release(id));
  }

  /** Queues tasks whose time has come while nobody held their key. Gives how many. */
  async promoteIdle(limit: number): Promise<number> {
    const idle = await this.keys.findIdle(limit);
    for (const { organization_id, key } of idle) await this.enter(await this.keys.promote(organization_id, key));
    return idle.length;
  }

  /**
   * Gives each worker up to `max` tasks, unless its `closed` is aborted before: then it gets nothing. The same
   * `request_key` within ten minutes gives what it still runs. Each worker may be there once. `read` gives, in the same
   * transaction, what each worker that got something is told; null for the others.
   */
  async claimAll<Told>(
    requests: readonly (ClaimRequest & { closed: AbortSignal })[],
    read: (given: ReadonlyMap<string, readonly ClaimedRow[]>) => Promise<ReadonlyMap<string, Told>>,
  ): Promise<(Told | null)[]> {
    for (;;) {
      const there = requests.filter(({ closed }) => !closed.aborted);
      if (there.length === 0) return requests.map(() => null);
      try {
        const told = await this.database.preparedTransaction(async () => {
          const given = await this.claims.claimAll(there);
          if (there.some(({ worker_id, closed }) => closed.aborted && given.has(worker_id))) throw new Abandoned();
          const organizations = new Set([...given.values()].flat().map(({ organization_id }) => organization_id));
          for (const organization_id of organizations) this.hints.send(eventsTopic(organization_id));
          const lanes = [...given.values()].flat().flatMap(({ lane_id }) => lane_id ?? []);
          this.database.afterCommit(() => this.heads.passed(lanes));
          return new Last(read(given));
        });
        return requests.map(({ worker_id }) => told.get(worker_id) ?? null);
      } catch (error) {
        // The others ask again without the one that is gone.
        if (!(error instanceof Abandoned)) throw error;
      }
    }
  }

  /** What earlier attempts and dependencies left for executions that have just been claimed. */
  findHeritage(executionIds: readonly string[]): Promise<Heritage[]> {
    return this.claims.findHeritage(executionIds);
  }

  private async enter(task: KeyedTask | null): Promise<void> {
    if (task === null) return;
    await this.queue.enqueueAll([{ ...task, run_at: new Date(0) }]);
    this.announce(task);
  }

  /** Wakes claims that wait for tasks of a type in an organization, once the transaction under way is committed. */
  announce(task: Pick<QueuedTask, 'organization_id' | 'agent_type'>): void {
    for (const topic of topicsOf(task)) this.hints.send(topic);
  }
}

const entryOf = ({ id, lane_id, priority }: Pick<QueuedTask, 'id' | 'lane_id' | 'priority'>): NewEntry => ({
  task_id: id,
  lane_id,
  priority,
});
