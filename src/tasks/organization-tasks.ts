import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OrganizationBusy } from '../organizations/organizations.errors.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { QueueService } from '../queue/queue.service.js';
import { TasksStore } from './tasks.store.js';

/** So few at once that a statement ends in time, although executions go with each. */
const BATCH = 500;

/**
 * Tasks go with their organization, with executions and logs, and it stays while one of them runs. They go before it:
 * they refer to repositories, which do not go while they are referred to.
 */
@Injectable()
export class OrganizationTasks implements OnModuleInit {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly queue: QueueService,
    private readonly store: TasksStore,
  ) {}

  onModuleInit(): void {
    this.organizations.onDeleting((organization_id) => this.removeAll(organization_id));
  }

  private async removeAll(organization_id: string): Promise<void> {
    // In this order: what left the queue in the meantime runs.
    if (!(await this.queue.clear(organization_id)) || (await this.store.isAnyRunning(organization_id)))
      throw new OrganizationBusy();
    while ((await this.store.removeSome(organization_id, BATCH)) > 0);
    await this.store.removeCounts(organization_id);
  }
}
