import { Injectable, Logger } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { DatabaseUnavailable, isRetryable } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { HintsService } from '../events/hints.service.js';
import { Metrics } from '../metrics/metrics.js';
import { type EndedLease, LeasesService, workerTopic } from '../queue/leases.service.js';
import { AttemptsService } from './attempts.service.js';

const BATCH = 100;

/** Ends leases that no heartbeat renewed and executions past their time limit. Nothing else ends a lease by time. */
@Injectable()
export class LeaseSweepDuty implements Duty {
  readonly name = 'lease-sweep';
  readonly interval_seconds: number;
  private readonly logger = new Logger(LeaseSweepDuty.name);

  constructor(
    private readonly leases: LeasesService,
    private readonly attempts: AttemptsService,
    private readonly hints: HintsService,
    private readonly config: QueueConfig,
    private readonly database: Database,
    private readonly duties: DutiesService,
    private readonly metrics: Metrics,
  ) {
    this.interval_seconds = config.sweep_seconds;
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    const { sweep_gap_seconds, lease_seconds } = this.config;
    const grace = await this.duties.graceAfterGap(this, sweep_gap_seconds, lease_seconds);
    for (const lease of await this.leases.findEnded(grace, BATCH)) await this.end(lease, grace);
  }

  /** One lease that cannot be ended must not keep the others. */
  private async end(found: EndedLease, grace: boolean): Promise<void> {
    const { execution_id, worker_id } = found;
    try {
      const cause = await this.database.savepoint(async () => {
        const lease = await this.leases.lockEnded(found, grace);
        if (lease === null) return null;
        await this.attempts.end(lease, { outcome: 'failed', failure_reason: lease.cause }, SYSTEM, false);
        if (worker_id !== null && lease.cause === 'worker_lost') await this.leases.noteLoss(worker_id);
        return lease.cause;
      });
      if (cause === null) return;
      this.metrics.leaseEnds.inc({ cause });
      if (worker_id !== null) this.hints.send(workerTopic(worker_id));
      this.logger.warn({ execution_id, worker_id, cause }, 'a lease was ended');
    } catch (error) {
      if (error instanceof DatabaseUnavailable || isRetryable(error)) throw error;
      this.logger.error({ err: error, execution_id }, 'a lease could not be ended');
    }
  }
}
