import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import type { FleetPause } from './fleet-pause.entity.js';
import { FleetPausesStore } from './fleet-pauses.store.js';
import { QueueService } from './queue.service.js';

export type { FleetPause };

/** Whether anything of an organization is begun. */
@Injectable()
export class FleetPauses {
  constructor(
    private readonly store: FleetPausesStore,
    private readonly queue: QueueService,
  ) {}

  /** Null while the fleet of the organization works. */
  find(organizationId: string): Promise<FleetPause | null> {
    return this.store.find(organizationId);
  }

  /**
   * From the commit on, no claim begins anything of the organization, whomever the worker serves; but for those that are
   * under way at that moment, which `settle` waits for.
   */
  pause(organizationId: string, note: string | null, by: Actor): Promise<FleetPause> {
    return this.store.save(organizationId, note, by);
  }

  /** Waits, behind the commit of a pause, until all that is begun all the same has been begun. */
  settle(organizationId: string): Promise<void> {
    return this.store.awaitClaims(organizationId);
  }

  /** Ends the pause and wakes the claims that wait; false when there was none. */
  async resume(organizationId: string): Promise<boolean> {
    if (!(await this.store.remove(organizationId))) return false;
    const types = await this.store.findAgentTypes(organizationId);
    for (const agent_type of types) this.queue.announce({ organization_id: organizationId, agent_type });
    return true;
  }
}
