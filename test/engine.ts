import { DutiesService } from '../src/duties/duties.service.js';
import { LeaseSweepDuty } from '../src/executions/lease-sweep.duty.js';
import { SYSTEM, type Principal } from '../src/auth/principal.js';
import { TaskCreation } from '../src/tasks/task-creation.service.js';
import { TasksService, type Task } from '../src/tasks/tasks.service.js';
import type { TaskInput } from '../src/tasks/tasks.input.js';
import type { TestPerson, TestWorker } from './fleet.js';
import type { TestApp } from './test-app.js';

/** The figures with which sweeps run when a test says so, and retries wait for nothing. */
export const BY_HAND = { SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', RETRY_BASE_SECONDS: '0' };

/** The task engine behind a test server: time, sweeps, and tasks with any of their fields. */
export class Engine {
  constructor(
    private readonly server: TestApp,
    private readonly person: TestPerson,
  ) {}

  get principal(): Principal {
    return { kind: 'user', organization_id: this.person.organization_id, actor: SYSTEM } as Principal;
  }

  /** Creates a task of the type `note` and gives its id. */
  async task(input: Partial<TaskInput> = {}): Promise<string> {
    const wanted = { name: 'Do it', agent_type: 'note', ...input };
    return (await this.server.app.get(TaskCreation).create(this.principal, wanted)).id;
  }

  /** Begins a task anew by the person's wish. */
  retry(id: string): Promise<Task> {
    return this.server.app.get(TasksService).retry(this.principal, id);
  }

  /** A task of its own that the worker runs. */
  async running(
    worker: TestWorker,
    input: Partial<TaskInput> = {},
  ): Promise<{ task_id: string; execution_id: string }> {
    const task_id = await this.task({ ...input, priority: 'P0' });
    return { task_id, execution_id: await this.claim(worker, task_id) };
  }

  /** Has the worker claim this very task; gives the execution. */
  async claim(worker: TestWorker, task_id: string): Promise<string> {
    const [claim] = await worker.claim();
    if (claim?.task_id !== task_id) throw new Error('the claim gave another task, or none');
    return claim.execution_id;
  }

  async sweep(): Promise<void> {
    await this.server.app.get(DutiesService).runOnce(this.server.app.get(LeaseSweepDuty));
  }

  /** The first sweep of a new database finds a gap before it, in which no lease ends. */
  async endGrace(): Promise<void> {
    await this.sweep();
    await this.server.sql.query('update duty_runs set grace_until = null');
  }

  /** Moves the end of a lease into the past: nobody waits in tests. */
  async expire(executionId: string, column: 'expires_at' | 'deadline_at' = 'expires_at'): Promise<void> {
    await this.server.sql.query(`update leases set ${column} = now() - interval '1 minute' where execution_id = $1`, [
      executionId,
    ]);
  }

  /** Loses the worker of an execution. */
  async lose(executionId: string): Promise<void> {
    await this.expire(executionId);
    await this.sweep();
  }
}
