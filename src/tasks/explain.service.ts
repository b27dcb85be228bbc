import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueViews } from '../queue/queue-views.service.js';
import { DependenciesStore } from './dependencies.store.js';
import {
  reasonsOfBudget,
  reasonsToBlock,
  reasonsToEnd,
  reasonsToRun,
  reasonsToSkip,
  reasonsToWait,
  reasonsToWaitForKey,
  type ExplainReason,
} from './explain-reasons.js';
import type { Task } from './task.entity.js';
import { TasksService } from './tasks.service.js';
import { TasksStore } from './tasks.store.js';

export type { ExplainReason };

export interface Explanation {
  status: Task['status'];
  reasons: ExplainReason[];
  queue_position: number | null;
}

/** How often to look again when a task moves on between two looks. */
const LOOKS = 3;

/** Why a task is where it is: everything that keeps it from running, in the order in which to mend it. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly tasks: TasksService,
    private readonly store: TasksStore,
    private readonly dependencies: DependenciesStore,
    private readonly queue: QueueViews,
  ) {}

  async explain(principal: Principal, id: string): Promise<Explanation> {
    let task = await this.tasks.find(principal, id);
    for (let look = 1; task.status === 'pending' && look <= LOOKS; look += 1) {
      const explanation = await this.explainPending(principal, task);
      if (explanation !== null) return explanation;
      task = await this.tasks.find(principal, id);
    }
    return { status: task.status, reasons: await this.reasonsOf(task), queue_position: null };
  }

  /** Null when it has left the queue since it was read. */
  private async explainPending(principal: Principal, task: Task): Promise<Explanation | null> {
    const { status } = task;
    const facts = await this.queue.waitFacts(task.id);
    if (facts !== null) {
      const reasons = [...reasonsOfBudget(task), ...reasonsToWait(facts)];
      return { status, reasons, queue_position: facts.ready ? facts.position : null };
    }
    const wait = await this.queue.keyHolder(task.id);
    if (wait === null) return null;
    const holder = wait.holder_id && (await this.store.findOne(organizationOf(principal), wait.holder_id));
    const reasons = [...reasonsOfBudget(task), ...reasonsToWaitForKey(wait, holder || null)];
    return { status, reasons, queue_position: null };
  }

  private async reasonsOf(task: Task): Promise<ExplainReason[]> {
    switch (task.status) {
      case 'blocked':
        return reasonsToBlock(await this.dependencies.findDependencies(task.id));
      case 'skipped':
        return reasonsToSkip(await this.dependencies.findDependencies(task.id));
      case 'running':
        return [...reasonsToRun(task), ...reasonsOfBudget(task)];
      case 'pending':
        return [{ code: 'moving', detail: 'It is just being given to a worker, or taken back. Ask again.' }];
      default:
        return [...reasonsToEnd(task), ...reasonsOfBudget(task)];
    }
  }
}
