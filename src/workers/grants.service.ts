import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { Metrics } from '../metrics/metrics.js';
import { LeasesService, type Signals } from '../queue/leases.service.js';
import { type ClaimRequest, QueueService } from '../queue/queue.service.js';
import { type ClaimBrief, ClaimBriefs } from './claim-briefs.service.js';

/** A request, and whether who asked is gone. */
export type OpenRequest = ClaimRequest & { closed: AbortSignal };

/** What a worker was given, and what it is to be told with it; null where that was not looked up. */
export interface Grant {
  briefs: ClaimBrief[];
  signals: Signals | null;
}

export const NOTHING: Grant = { briefs: [], signals: null };

/** Gives tasks to workers; those that ask at the same time are served together. */
@Injectable()
export class GrantsService {
  private readonly requests: GroupCommit<OpenRequest, Grant>;

  constructor(
    private readonly queue: QueueService,
    private readonly briefs: ClaimBriefs,
    private readonly leases: LeasesService,
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
  async grant(request: OpenRequest): Promise<Grant> {
    const grant = await this.requests.run(request);
    for (const { execution } of grant.briefs) this.metrics.claims.inc({ agent_type: execution.agent_type });
    return grant;
  }

  private async grantAll(requests: readonly OpenRequest[]): Promise<Grant[]> {
    const grants = await this.queue.claimAll(requests, async (given) => {
      const [briefs, signals] = await Promise.all([
        this.briefs.for([...given.values()].flat()),
        this.leases.signalsOf([...given.keys()]),
      ]);
      return new Map(
        [...given].map(([worker, rows]) => [
          worker,
          {
            briefs: rows.flatMap(({ execution_id }) => briefs.get(execution_id) ?? []),
            signals: signals.get(worker) ?? null,
          },
        ]),
      );
    });
    return grants.map((grant) => grant ?? NOTHING);
  }
}
