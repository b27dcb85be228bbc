import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database/database.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { EventsStore } from './events.store.js';

const BATCH = 10_000;

/** Events go with the organization they tell of. */
@Injectable()
export class OrganizationEvents implements OnModuleInit {
  private readonly logger = new Logger(OrganizationEvents.name);

  constructor(
    private readonly organizations: OrganizationsService,
    private readonly store: EventsStore,
    private readonly database: Database,
  ) {}

  onModuleInit(): void {
    this.organizations.onDeleting(async (organization_id) => {
      await this.remove(organization_id);
      this.database.afterCommit(() => this.removeLate(organization_id));
    });
  }

  private async remove(organization_id: string): Promise<void> {
    while ((await this.store.removeSome(organization_id, BATCH)) > 0);
  }

  /**
   * What still waited for its place, or got it meanwhile. Not before the commit: the sequencer would wait for rows that
   * the deletion holds, and with it every reader of every organization.
   */
  private removeLate(organization_id: string): void {
    this.store
      .removeWaiting(organization_id)
      .then(() => this.remove(organization_id))
      .catch((error: unknown) => this.logger.warn({ err: error, organization_id }, 'events of it were left behind'));
  }
}
