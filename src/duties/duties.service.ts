import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Lifecycle } from '../http/lifecycle.js';
import { Metrics } from '../metrics/metrics.js';
import { DutyRunsStore } from './duty-runs.store.js';
import type { Duty } from './duty.js';

/** Runs each duty at its interval, in whichever process gets there first. The loops only wait and log. */
@Injectable()
export class DutiesService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(DutiesService.name);
  private readonly duties: Duty[] = [];
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly runs: DutyRunsStore,
    private readonly lifecycle: Lifecycle,
    private readonly metrics: Metrics,
  ) {}

  add(duty: Duty): void {
    this.duties.push(duty);
  }

  onApplicationBootstrap(): void {
    this.duties.forEach((duty) => this.schedule(duty));
    this.lifecycle.stopping.addEventListener('abort', () => this.timers.forEach((timer) => clearTimeout(timer)));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.lifecycle.stop();
    await Promise.allSettled(this.running);
  }

  /** When each duty last succeeded, in whatever process, in seconds since 1970. */
  lastSuccesses(): Promise<{ name: string; at: number }[]> {
    return this.runs.findSuccesses();
  }

  /** Runs a duty unless another process is at it; a failure is recorded and thrown. */
  async runOnce(duty: Duty): Promise<void> {
    const measure = this.metrics.duties.startTimer({ duty: duty.name });
    try {
      const ran = await this.database.transaction(async () => {
        if (!(await this.runs.tryLock(duty.name))) return false;
        await duty.runOnce();
        await this.runs.recordSuccess(duty.name);
        return true;
      });
      if (ran) measure({ result: 'success' });
    } catch (error) {
      measure({ result: 'failure' });
      await this.runs.recordFailure(duty.name, error instanceof Error ? error.name : 'unknown').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Whether workers may have had no chance to renew their leases: true for `graceSeconds` after a gap of more than
   * `gapSeconds` without a successful run of the duty.
   */
  graceAfterGap(duty: Duty, gapSeconds: number, graceSeconds: number): Promise<boolean> {
    return this.runs.graceAfterGap(duty.name, gapSeconds, graceSeconds);
  }

  private schedule(duty: Duty): void {
    if (this.lifecycle.stopping.aborted) return;
    const turn = async (): Promise<void> => {
      const run = this.runOnce(duty).catch((error: unknown) => {
        this.logger.warn({ err: error, duty: duty.name }, 'a duty failed and will run again');
      });
      this.running.add(run);
      await run;
      this.running.delete(run);
      this.schedule(duty);
    };
    // Spread by a tenth, so that processes that start together do not stay in step.
    const wait = duty.interval_seconds * 1000 * (0.95 + Math.random() * 0.1);
    this.timers.set(
      duty.name,
      setTimeout(() => void turn(), wait),
    );
  }
}
