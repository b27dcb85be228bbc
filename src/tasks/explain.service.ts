import { Injectable } from '@nestjs/common';
import { installHint } from '../agents/known-clis.js';
import type { Principal } from '../auth/principal.js';
import { QueueService, type WaitFacts } from '../queue/queue.service.js';
import type { Task } from './task.entity.js';
import { TasksService } from './tasks.service.js';

export interface ExplainReason {
  code: string;
  detail: string;
  [fact: string]: unknown;
}

export interface Explanation {
  status: Task['status'];
  reasons: ExplainReason[];
  queue_position: number | null;
}

/** Why a task is where it is: everything that keeps it from running, in the order in which to mend it. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly tasks: TasksService,
    private readonly queue: QueueService,
  ) {}

  async explain(principal: Principal, id: string): Promise<Explanation> {
    const task = await this.tasks.find(principal, id);
    const facts = task.status === 'pending' ? await this.queue.waitFacts(id) : null;
    if (facts === null) return { status: task.status, reasons: reasonsOfOthers(task), queue_position: null };
    return { status: task.status, reasons: reasonsToWait(facts), queue_position: facts.ready ? facts.position : null };
  }
}

function reasonsOfOthers(task: Task): ExplainReason[] {
  if (task.status !== 'running') return [];
  const reasons: ExplainReason[] = [
    {
      code: 'running',
      detail: 'A worker runs it.',
      worker_id: task.worker_id,
      execution_id: task.current_execution_id,
    },
  ];
  if (task.cancel_requested_at)
    reasons.push({ code: 'cancel-requested', detail: 'It is to be cancelled; its worker has been told to end it.' });
  return reasons;
}

/** Each test of the claim that fails, by what it means for people. */
export function reasonsToWait(facts: WaitFacts): ExplainReason[] {
  const reasons: ExplainReason[] = [];
  const add = (when: boolean, code: string, detail: string, more: Record<string, unknown> = {}): void => {
    if (when) reasons.push({ code, detail, ...more });
  };
  add(!facts.ready, 'scheduled', `It starts at ${facts.run_at.toISOString()} at the earliest.`, {
    run_at: facts.run_at.toISOString(),
  });
  add(!facts.agent_enabled, 'agent-disabled', `The agent ${facts.agent_type} is switched off.`);
  add(facts.live === 0, 'no-live-worker', 'No worker of this organization or of the instance is alive. Start one.');
  if (facts.live > 0) {
    add(facts.active === 0, 'workers-paused', 'Every live worker is paused or draining. Resume one.');
    add(facts.serving_type === 0, 'agent-type-unserved', `No live worker takes tasks of the type ${facts.agent_type}.`);
    add(facts.with_cli === 0, 'cli-missing', `No live worker has ${facts.launcher}. ${installHint(facts.launcher)}`, {
      cli: facts.launcher,
    });
    add(facts.with_labels === 0, 'label-missing', 'No live worker has all the labels it requires.', {
      required_labels: facts.required_labels,
    });
    const each = facts.active > 0 && facts.serving_type > 0 && facts.with_cli > 0 && facts.with_labels > 0;
    add(
      facts.able === 0 && each,
      'no-worker-fits',
      'Live workers meet each of its demands, but none meets all of them.',
    );
    add(facts.able > 0 && facts.with_room === 0, 'workers-busy', 'Every worker that may take it is at its capacity.');
  }
  if (reasons.length === 0)
    reasons.push({ code: 'queued', detail: `It is next for a worker at place ${String(facts.position)} of its lane.` });
  return reasons;
}
