import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../audit/audit-actions.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/principal.js';
import { HintsService } from '../events/hints.service.js';
import { workerTopic } from '../queue/leases.service.js';
import type { LockedWorker } from './worker-controls.store.js';
import { WorkerNews } from './worker-news.service.js';

/** What is remembered and told of what people tell workers to do, in the transaction that does it. */
@Injectable()
export class WorkerRecords {
  constructor(
    private readonly audit: AuditService,
    private readonly news: WorkerNews,
    private readonly hints: HintsService,
  ) {}

  /** Remembers who did it, and wakes the worker. */
  async note(
    { actor }: Principal,
    { id, organization_id, name }: LockedWorker,
    action: AuditAction,
    data: Record<string, unknown> = {},
  ): Promise<void> {
    await this.audit.record({ organization_id, actor, action, subject: { worker_id: id }, data: { name, ...data } });
    this.hints.send(workerTopic(id));
  }

  /** Tells of the health that it has by what it is to be now. */
  tellHealth(id: string): Promise<void> {
    return this.news.tell({ worker_id: id, graceful: false });
  }
}
