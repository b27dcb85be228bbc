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
      runAll: (requests) => this.queue.claimAll(requests, (rows) => this.briefs.for(rows)),
      keysOf: ({ worker_id }) => [worker_id],
      limit: 64,
      width: 1,
    });
  }

  /** What is ready for a worker now, with what it needs to know of it; nothing to one that is gone. */
  async grant(request: OpenRequest): Promise<ClaimBrief[]> {
    const briefs = await this.requests.run(request);
    for (const { execution } of briefs) this.metrics.claims.inc({ agent_type: execution.agent_type });
    return briefs;
  }
}
