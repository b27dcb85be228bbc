import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { HintsService } from '../events/hints.service.js';
import { newId } from '../ids.js';
import { ClaimStore, type ClaimedRow } from './claim.store.js';
import { ExplainStore, type WaitFacts } from './explain.store.js';
import { LanesStore, type LaneKey } from './lanes.store.js';
import { QueueStore, type NewEntry } from './queue.store.js';

export type { ClaimedRow, WaitFacts };

/** Topic of hints that a task may be claimable now. */
export const QUEUE_TOPIC = 'queue';

/** Which tasks may be claimed, in which order, and by whom. */
@Injectable()
export class QueueService {
  constructor(
    private readonly lanes: LanesStore,
    private readonly queue: QueueStore,
    private readonly claims: ClaimStore,
    private readonly explain: ExplainStore,
    private readonly hints: HintsService,
    private readonly config: QueueConfig,
  ) {}

  laneFor(key: LaneKey): Promise<number> {
    return this.lanes.laneFor(key);
  }

  /** Makes a task claimable from `runAt` on, and wakes those who wait. */
  async enqueue(entry: NewEntry, runAt: Date | string): Promise<void> {
    await this.queue.enqueue(entry, runAt);
    this.hints.send(QUEUE_TOPIC);
  }

  lock(taskId: string): Promise<boolean> {
    return this.queue.lock(taskId);
  }

  /** Follows a change of the task's priority, labels or time. */
  async reorder(entry: NewEntry, runAt: Date | null): Promise<void> {
    await this.queue.reorder(entry, runAt);
    this.hints.send(QUEUE_TOPIC);
  }

  remove(taskId: string): Promise<boolean> {
    return this.queue.remove(taskId);
  }

  /** Gives up to `max` tasks to a worker. The same `requestKey` within ten minutes gives what it still runs. */
  async claim(workerId: string, actor: Actor, max: number, requestKey: string | null): Promise<ClaimedRow[]> {
    if (requestKey !== null) {
      const earlier = await this.claims.findByRequestKey(workerId, requestKey);
      if (earlier.length > 0) return earlier;
    }
    return this.claims.claim({
      worker_id: workerId,
      actor,
      max,
      request_key: requestKey,
      execution_ids: Array.from({ length: max }, newId),
      lease_seconds: this.config.lease_seconds,
      default_cli: this.config.agent_cli,
    });
  }

  /** Null when the task is not in the queue. */
  waitFacts(taskId: string): Promise<WaitFacts | null> {
    return this.explain.waitFacts(taskId, this.config.agent_cli);
  }
}
