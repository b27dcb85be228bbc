import { Injectable } from '@nestjs/common';
import { ConcurrencyStore, type KeyWait } from './concurrency.store.js';
import { ExplainStore, type WaitFacts } from './explain.store.js';

export type { KeyWait, WaitFacts };

/** What can be seen of the queue. */
@Injectable()
export class QueueViews {
  constructor(
    private readonly explain: ExplainStore,
    private readonly keys: ConcurrencyStore,
  ) {}

  /** For how many seconds the longest of the tasks that a worker may take has been in the queue; null when none is. */
  oldestWait(
    organizationId: string | null,
    filter: { repository_id?: string; agent_type?: string },
  ): Promise<number | null> {
    return this.explain.oldestWait(organizationId, filter);
  }

  /** Null when the task is not in the queue. */
  waitFacts(taskId: string): Promise<WaitFacts | null> {
    return this.explain.waitFacts(taskId);
  }

  /** Whose end a task waits for that has an exclusive key; null when it waits for none. */
  keyHolder(taskId: string): Promise<KeyWait | null> {
    return this.keys.findHolder(taskId);
  }
}
