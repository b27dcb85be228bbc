import { Injectable } from '@nestjs/common';
import { queueTopics } from '../queue/queue-topics.js';
import { WorkersStore } from './workers.store.js';

/** More workers than one process serves; the oldest is read again. */
const MOST_KNOWN = 10_000;

/**
 * What a worker waits for. It is kept by the worker's token: a registration says anew which types of agents it takes, and
 * always gives another token.
 */
@Injectable()
export class WorkerScopes {
  private readonly known = new Map<string, readonly string[]>();

  constructor(private readonly workers: WorkersStore) {}

  /** Topics of hints that there may be a task for the worker. */
  async topicsOf({ worker_id, key_id }: { worker_id: string; key_id: string }): Promise<readonly string[]> {
    const known = this.known.get(key_id);
    if (known !== undefined) return known;
    const { organization_id, agent_types } = await this.workers.findScope(worker_id);
    const topics = queueTopics(organization_id, agent_types);
    this.known.set(key_id, topics);
    const oldest = this.known.keys().next();
    if (this.known.size > MOST_KNOWN && oldest.done !== true) this.known.delete(oldest.value);
    return topics;
  }
}
