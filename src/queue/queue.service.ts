import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { HintsService } from '../events/hints.service.js';
import { ClaimStore, type ClaimedRow, type ClaimRequest } from './claim.store.js';
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
    private readonly hints: HintsService,
    private readonly database: Database,
  ) {}

  laneFor(key: LaneKey): Promise<number> {
    return this.lanes.laneFor(key);
  }

  /** Makes a task claimable from `runAt` on, and wakes those who wait. */
  async enqueue(task: QueuedTask, runAt: Date | string): Promise<void> {
    await this.queue.enqueue(entryOf(task), runAt);
    this.announce(task);
  }

  lock(taskId: string): Promise<boolean> {
    return this.queue.lock(taskId);
  }

  /** Follows a change of the task's priority, labels or time. */
  async reorder(task: QueuedTask, runAt: Date | null): Promise<void> {
    await this.queue.reorder(entryOf(task), runAt);
    this.announce(task);
  }

  remove(taskId: string): Promise<boolean> {
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

  /** Gives up to `max` tasks to a worker. The same `request_key` within ten minutes gives what it still runs. */
  async claim(request: ClaimRequest): Promise<ClaimedRow[]> {
    const { worker_id, request_key } = request;
    if (request_key === null) return this.claims.claim(request);
    return this.database.transaction(async () => {
      // The same key may come in at two processes at once: they take turns at the worker's row.
      await this.leases.lockWorker(worker_id);
      const earlier = await this.claims.findByRequestKey(worker_id, request_key);
      return earlier.length > 0 ? earlier : this.claims.claim(request);
    });
  }

  /** Null when the task is not in the queue. */
  waitFacts(taskId: string): Promise<WaitFacts | null> {
    return this.explain.waitFacts(taskId);
  }

  private announce({ organization_id, agent_type }: QueuedTask): void {
    for (const organization of [organization_id, null])
      for (const types of [[agent_type], null])
        for (const topic of queueTopics(organization, types)) this.hints.send(topic);
  }
}

const entryOf = ({ id, lane_id, priority }: QueuedTask): NewEntry => ({ task_id: id, lane_id, priority });
