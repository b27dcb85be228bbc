import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../audit/audit-actions.js';
import { AuditService } from '../audit/audit.service.js';
import { MissingPermission } from '../auth/auth.errors.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { FleetPauses, type FleetPause } from '../queue/fleet-pauses.service.js';
import { TaskActions } from '../tasks/task-actions.service.js';

/** A fleet that has been paused, and how much of what ran was asked to end. */
export interface PausedFleet {
  pause: FleetPause;
  cancelled: number;
  more: boolean;
}

/** All that works for an organization, at once. */
@Injectable()
export class FleetService {
  constructor(
    private readonly pauses: FleetPauses,
    private readonly actions: TaskActions,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** Null while it works. */
  find(principal: Principal): Promise<FleetPause | null> {
    return this.pauses.find(organizationOf(principal));
  }

  /** Nothing more is begun; `cancel_running` also cancels what runs. Throws MissingPermission for that. */
  async pause(
    principal: Principal,
    { note, cancel_running }: { note: string | null; cancel_running: boolean },
  ): Promise<PausedFleet> {
    if (cancel_running && !principal.permissions.has('tasks.update')) throw new MissingPermission('tasks.update');
    const organizationId = organizationOf(principal);
    const pause = await this.database.transaction(async () => {
      const saved = await this.pauses.pause(organizationId, note, principal.actor);
      await this.record(principal, 'fleet.paused', { note, cancel_running });
      return saved;
    });
    // Behind the commit, so that nothing begins behind the answer, or behind the look for what runs.
    await this.pauses.settle(organizationId);
    if (!cancel_running) return { pause, cancelled: 0, more: false };
    const { changed: cancelled, more } = await this.actions.act(principal, {
      action: 'cancel',
      filter: { status: ['running'] },
      ...(note !== null && { reason: note }),
    });
    return { pause, cancelled, more };
  }

  /** What waits may be begun again. */
  async resume(principal: Principal): Promise<null> {
    await this.database.transaction(async () => {
      if (await this.pauses.resume(organizationOf(principal))) await this.record(principal, 'fleet.resumed');
    });
    return null;
  }

  private record(principal: Principal, action: AuditAction, data: Record<string, unknown> = {}): Promise<void> {
    const organization_id = organizationOf(principal);
    return this.audit.record({ organization_id, actor: principal.actor, action, subject: { organization_id }, data });
  }
}
