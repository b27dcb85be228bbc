import { Injectable, Logger } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { EventsService } from '../events/events.service.js';
import { Metrics } from '../metrics/metrics.js';
import { ExecutionNotFound, LeaseLost } from './execution.errors.js';
import { ExecutionsStore } from './executions.store.js';
import { StaleWrites } from './stale-writes.js';

/** Words of workers about executions that are not theirs, or not theirs any more. */
@Injectable()
export class LateWordsService {
  private readonly logger = new Logger(LateWordsService.name);
  private readonly staleWrites = new StaleWrites();

  constructor(
    private readonly executions: ExecutionsStore,
    private readonly events: EventsService,
    private readonly metrics: Metrics,
  ) {}

  /** Why a word about an execution is not taken; a late one is told of as an event. */
  async refusal(worker: WorkerPrincipal, id: string): Promise<Error> {
    const execution = await this.executions.findOne(null, id);
    if (execution === null || execution.worker_id !== worker.id) return new ExecutionNotFound();
    this.metrics.staleWrites.inc();
    if (this.staleWrites.shouldTell(id)) {
      this.logger.warn({ execution_id: id, worker_id: worker.id }, 'a late word of a worker was refused');
      await this.events.record({
        organization_id: execution.organization_id,
        type: 'execution.stale_write',
        actor: worker.actor,
        subject: { task_id: execution.task_id, execution_id: id, worker_id: worker.id },
      });
    }
    return new LeaseLost();
  }
}
