import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Actor, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import { LimitNotFound } from './agents.errors.js';
import type { ProviderLimit } from './provider-limit.entity.js';
import { ProviderLimitsStore, type MetLimit } from './provider-limits.store.js';

/** A limit that an execution met, and who says so. */
export type LimitReport = Omit<MetLimit, 'id'> & { task_id: string; actor: Actor };

/** Until when the fleet starts nothing more of a launcher, because its account has used up what its provider allows. */
@Injectable()
export class ProviderLimits {
  constructor(
    private readonly store: ProviderLimitsStore,
    private readonly events: EventsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** Takes limits that executions met, in the transaction that ends these. Those that are new are told of, once. */
  async report(reports: readonly LimitReport[]): Promise<void> {
    if (reports.length === 0) return;
    const byId = new Map(reports.map((report) => [newId(), report]));
    const limits = await this.store.report(
      [...byId].map(([id, { actor: _, task_id: __, ...met }]) => ({ ...met, id })),
    );
    for (const { id, organization_id, launcher, account, reason, until } of limits) {
      const report = byId.get(id);
      if (report === undefined) continue;
      const { actor, task_id, execution_id, worker_id } = report;
      await this.events.record({
        organization_id,
        type: 'provider.limited',
        actor,
        subject: { task_id, execution_id, worker_id },
        data: { limit_id: id, launcher, account: account || null, reason, until: until.toISOString() },
      });
    }
  }

  /** Limits that hold, newest first. */
  async list<T>(principal: Principal, query: PageQuery, present: (limit: ProviderLimit) => T): Promise<Page<T>> {
    const before = readCursor(query.cursor);
    const rows = await this.store.findPage(organizationOf(principal), before, query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Lifts a limit: the fleet starts the launcher again at once. Throws LimitNotFound. */
  async lift(principal: Principal, id: string): Promise<void> {
    const organization_id = organizationOf(principal);
    await this.database.transaction(async () => {
      const limit = await this.store.remove(organization_id, id);
      if (limit === null) throw new LimitNotFound();
      const { launcher, account, until } = limit;
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'limit.lifted',
        subject: { limit_id: id },
        data: { launcher, account, until: until.toISOString() },
      });
    });
  }
}
