import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Bell } from '../events/bell.js';
import { HintsService } from '../events/hints.service.js';
import { Lifecycle } from '../http/lifecycle.js';
import { taskTopic } from './task-notices.service.js';
import { isFinal } from './task.states.js';
import { type Task, TasksService } from './tasks.service.js';

/** Reading a task once it has come to its end. */
@Injectable()
export class TaskWatch {
  constructor(
    private readonly tasks: TasksService,
    private readonly hints: HintsService,
    private readonly lifecycle: Lifecycle,
    private readonly config: QueueConfig,
  ) {}

  /**
   * The task as soon as it is final, or as it is after `seconds`, when the server stops, or when the reader has gone
   * (`closed`). No connection is held meanwhile. Throws TaskNotFound, also when it is deleted during the wait.
   */
  async untilFinal(principal: Principal, id: string, seconds: number, closed: AbortSignal): Promise<Task> {
    const until = Date.now() + seconds * 1000;
    const bell = new Bell([closed, this.lifecycle.stopping]).hear(this.hints, [taskTopic(id)]);
    try {
      for (;;) {
        bell.reset();
        const task = await this.tasks.find(principal, id);
        const left = until - Date.now();
        if (isFinal(task.status) || left <= 0 || bell.over) return task;
        await bell.rung(Math.min(left, this.config.wait_look_seconds * 1000 * (0.9 + Math.random() * 0.2)));
      }
    } finally {
      bell.close();
    }
  }
}
