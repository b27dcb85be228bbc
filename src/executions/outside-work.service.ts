import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { newId } from '../ids.js';
import { TaskNotRunning, TaskStateConflict } from '../tasks/task.errors.js';
import { type Task, TaskMovesService } from '../tasks/task-moves.service.js';
import type { AttemptReport } from './attempt-outcome.js';
import { AttemptsService } from './attempts.service.js';
import { HeldByWorker, LeaseLost } from './execution.errors.js';

/** Work that people and programs do outside of the fleet: an attempt without a worker, which only its time limit ends. */
@Injectable()
export class OutsideWorkService {
  constructor(
    private readonly tasks: TaskMovesService,
    private readonly attempts: AttemptsService,
    private readonly events: EventsService,
    private readonly database: Database,
  ) {}

  /** Begins an attempt at a pending task, also before its time. Throws WaitsForKey while another task has its key. */
  async start(principal: Principal, id: string): Promise<Task> {
    return this.database.transaction(async () => {
      const { task } = await this.tasks.lockWhole(organizationOf(principal), id);
      if (task.status !== 'pending')
        throw new TaskStateConflict('task/not-pending', task.status, `The task is ${task.status}, not pending.`);
      const execution_id = newId();
      const started = await this.tasks.startUnattended(task, execution_id, principal.actor);
      await this.events.record({
        organization_id: started.organization_id,
        type: 'execution.started',
        actor: principal.actor,
        subject: { task_id: id, execution_id },
        data: { attempt: started.attempts },
      });
      return started;
    });
  }

  /**
   * Ends the attempt that runs. Throws HeldByWorker for one that a worker has to end, and LeaseLost when `executionId` is
   * given and another one runs.
   */
  async end(principal: Principal, id: string, report: AttemptReport, executionId: string | undefined): Promise<Task> {
    return this.database.transaction(async () => {
      const { task, lease } = await this.tasks.lockWhole(organizationOf(principal), id);
      if (executionId !== undefined && executionId !== task.current_execution_id) throw new LeaseLost();
      if (lease === null) throw new TaskNotRunning(task.status);
      if (lease.worker_id !== null) throw new HeldByWorker(lease.execution_id);
      return this.attempts.end(lease, report, principal.actor, false);
    });
  }
}
