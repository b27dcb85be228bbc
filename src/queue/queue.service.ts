import { Injectable } from '@nestjs/common';
import { HintsService } from '../events/hints.service.js';
import { ClaimStore, type ClaimedRow, type ClaimRequest } from './claim.store.js';
import { ConcurrencyStore, type KeyedTask } from './concurrency.store.js';
import { ExplainStore, type WaitFacts } from './explain.store.js';
import { LanesStore, type LaneKey } from './lanes.store.js';
import { LeasesStore } from './leases.store.js';
import { QueueStore, type NewEntry } from './queue.store.js';

export type { ClaimedRow, ClaimRequest, WaitFacts };

const ANY = '*';
const BATCH = 10_000;

/** Topics of hints that a task may be claimable for who serves these; null serves any. */
export const queueTopics = (organizationId: string | null, agentTypes: readonly string[] | null): string[] =>
  (agentTypes ?? [ANY]).map((agentType) => `queue:${organizationId ?? ANY}:${agentType}`);

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

/** Which tasks may be claimed, in which order, and by whom. */
@Injectable()
export class QueueService {
  constructor(
    private readonly lanes: LanesStore,
    private readonly queue: QueueStore,
    private readonly claims: ClaimStore,
    private readonly explain: ExplainStore,
    private readonly leases: LeasesStore,
    private readonly keys: ConcurrencyStore,
    private readonly hints: HintsService,
  ) {}

  laneFor(key: LaneKey): Promise<number> {
    return this.lanes.laneFor(key);
  }

  /** Makes a task claimable from `runAt` on, once it holds its exclusive key, and wakes those who wait. */
  async enqueue(task: QueuedTask, runAt: Date | string): Promise<void> {
    const { id, concurrency_key } = task;
    if (concurrency_key !== null) {
      const keyed = { ...task, task_id: id, key: concurrency_key };
      if (!(await this.keys.acquire(keyed, runAt))) return;
    }
    await this.queue.enqueue(entryOf(task), runAt);
    this.announce(task);
  }

  /** Makes many tasks without exclusive keys claimable, with few statements. */
  async enqueueAll(tasks: readonly (QueuedTask & { run_at: Date })[]): Promise<void> {
    const [plain, keyed] = [
      tasks.filter((task) => task.concurrency_key === null),
      tasks.filter((task) => task.concurrency_key !== null),
    ];
    await this.queue.enqueueAll(plain.map((task) => ({ ...entryOf(task), run_at: task.run_at })));
    plain.forEach((task) => this.announce(task));
    for (const task of keyed) await this.enqueue(task, task.run_at);
  }

  /** Locks a pending task's place, in the queue or behind its key; false when a claim has taken it or it has none. */
  async lock(taskId: string): Promise<boolean> {
    // The wait first: a task goes from there into the queue and never back.
    const waits = await this.keys.lockWait(taskId);
    return waits || this.queue.lock(taskId);
  }

  /** Follows a change of a locked pending task's priority, labels or time. */
  async reorder(task: QueuedTask, runAt: Date | null): Promise<void> {
    if (task.concurrency_key !== null && (runAt !== null || (await this.keys.lockWait(task.id)))) {
      await this.remove(task.id);
      await this.enqueue(task, runAt ?? new Date());
      return;
    }
    await this.queue.reorder(entryOf(task), runAt);
    this.announce(task);
  }

  /** Takes a pending task out; its exclusive key goes to the next. */
  async remove(taskId: string): Promise<void> {
    await this.keys.removeWait(taskId);
    await this.queue.remove(taskId);
    await this.release(taskId);
  }

  /** Takes a task out that begins to run outside of the fleet and keeps its key; false when it waits for that. */
  leave(taskId: string): Promise<boolean> {
    return this.queue.remove(taskId);
  }

  /**
   * Takes everything of an organization out of the queue, in the transaction that deletes it and holds its lock. False
   * when somebody is at a task of it just now, most likely a claim.
   */
  async clear(organizationId: string): Promise<boolean> {
    while ((await this.queue.removeSome(organizationId, BATCH)) > 0);
    if (await this.queue.holdsAny(organizationId)) return false;
    await this.lanes.removeAll(organizationId);
    return true;
  }

  /** Hands the exclusive key of a task whose attempt has ended to the next that waits for it. */
  async release(taskId: string): Promise<void> {
    await this.enter(await this.keys.release(taskId));
  }

  /** Queues tasks whose time has come while nobody held their key. Gives how many. */
  async promoteIdle(limit: number): Promise<number> {
    const idle = await this.keys.findIdle(limit);
    for (const { organization_id, key } of idle) await this.enter(await this.keys.promote(organization_id, key));
    return idle.length;
  }

  /** Whose end a task waits for that has an exclusive key; null when it waits for none. */
  keyHolder(taskId: string): ReturnType<ConcurrencyStore['findHolder']> {
    return this.keys.findHolder(taskId);
  }

  /** Gives up to `max` tasks to a worker. The same `request_key` within ten minutes gives what it still runs. */
  async claim(request: ClaimRequest): Promise<ClaimedRow[]> {
    const { worker_id, request_key } = request;
    if (request_key === null) return this.claims.claim(request);
    // The same key may come in at two processes at once: they take turns at the worker's row.
    return this.leases.withWorker(worker_id, async () => {
      const earlier = await this.claims.findByRequestKey(worker_id, request_key);
      return earlier.length > 0 ? earlier : this.claims.claim(request);
    });
  }

  /** Null when the task is not in the queue. */
  waitFacts(taskId: string): Promise<WaitFacts | null> {
    return this.explain.waitFacts(taskId);
  }

  private async enter(task: KeyedTask | null): Promise<void> {
    if (task === null) return;
    await this.queue.enqueue(task, new Date(0));
    this.announce(task);
  }

  private announce({ organization_id, agent_type }: Pick<QueuedTask, 'organization_id' | 'agent_type'>): void {
    for (const organization of [organization_id, null])
      for (const types of [[agent_type], null])
        for (const topic of queueTopics(organization, types)) this.hints.send(topic);
  }
}

const entryOf = ({ id, lane_id, priority }: QueuedTask): NewEntry => ({ task_id: id, lane_id, priority });
