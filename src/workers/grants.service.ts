import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { Metrics } from '../metrics/metrics.js';
import { type ClaimRequest, QueueService } from '../queue/queue.service.js';
import { type ClaimBrief, ClaimBriefs } from './claim-briefs.service.js';

/** A request, and whether who asked is gone. */
export type OpenRequest = ClaimRequest & { closed: AbortSignal };

/** Gives tasks to workers; those that ask at the same time are served together. */
@Injectable()
export class GrantsService {
  private readonly requests: GroupCommit<OpenRequest, ClaimBrief[]>;

  constructor(
    private readonly queue: QueueService,
    private readonly briefs: ClaimBriefs,
    private readonly metrics: Metrics,
    database: Database,
  ) {
    this.requests = new GroupCommit(database, {
      runAll: (requests) => this.grantAll(requests),
      keysOf: ({ worker_id }) => [worker_id],
      limit: 64,
      width: 2,
    });
  }

  /** What is ready for a worker now, with what it needs to know of it; nothing to one that is gone. */
  grant(request: OpenRequest): Promise<ClaimBrief[]> {
    return this.requests.run(request);
  }

  private async grantAll(requests: readonly OpenRequest[]): Promise<ClaimBrief[][]> {
    const rows = await this.queue.claimAll(requests);
    const briefs = await this.briefs.for(rows.flat());
    for (const { execution } of briefs) this.metrics.claims.inc({ agent_type: execution.agent_type });
    const byId = new Map(briefs.map((brief) => [brief.execution.id, brief]));
    return rows.map((own) => own.flatMap(({ execution_id }) => byId.get(execution_id) ?? []));
  }
}
