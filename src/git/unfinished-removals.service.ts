import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { GitFailed } from './git.errors.js';
import { atMost } from './patience.js';
import { RemovalRecords, type RemovalRecord } from './removal-records.js';
import { WorktreeRemovals } from './worktree-removals.service.js';

/** Longer than a process of another host is silent before it is taken for dead. */
const PATIENCE_MS = 25_000;
/** What a look waits for what was left to be brought back. */
const LOOK_MS = 1000;

/**
 * Brings removals of linked work trees to an end whose process has ended in the middle, when a process starts and when
 * somebody looks: what was put aside is where it was, or what was dismissed is deleted.
 */
@Injectable()
export class UnfinishedRemovals implements OnApplicationBootstrap {
  private readonly logger = new Logger(UnfinishedRemovals.name);

  constructor(
    private readonly config: GitConfig,
    private readonly records: RemovalRecords,
    private readonly removals: WorktreeRemovals,
  ) {}

  onApplicationBootstrap(): void {
    void this.settle(PATIENCE_MS);
  }

  /** As far as that can be done at once. */
  async settleSoon(): Promise<void> {
    await atMost(LOOK_MS, this.settle(0));
  }

  private async settle(patience_ms: number): Promise<void> {
    if (this.config.root === '') return;
    await Promise.all((await this.records.left()).map((one) => this.settleOne(one, patience_ms)));
  }

  private async settleOne({ name, local_path }: RemovalRecord, patience_ms: number): Promise<void> {
    try {
      await this.removals.alone(local_path, () => this.records.forget(name), patience_ms);
      this.logger.warn({ path: local_path }, 'a removal of work trees that came to no end has been settled');
    } catch (error) {
      // Who holds the lock may well be at it.
      if (error instanceof GitFailed && error.reason === 'locked') return;
      this.logger.error({ err: error, path: local_path }, 'a removal of work trees was left in the middle');
      if (error instanceof GitFailed && error.reason === 'not_found') await this.records.forget(name);
    }
  }
}
