import { Injectable, Logger } from '@nestjs/common';
import type { Duty } from '../duties/duty.js';
import { DutiesService } from '../duties/duties.service.js';
import { HeadsStore, type Moment } from './heads.store.js';

/** So many tasks are taken before the heads of their lanes are moved. */
const TAKEN = 250;

const NEVER: Moment = { at: '-infinity', next: '0' };

/**
 * Keeps the heads of lanes near their first entries, so that a claim costs the same however many entries were taken while
 * somebody holds an old snapshot. A head that lies too far back costs time, never a task.
 */
@Injectable()
export class HeadsService implements Duty {
  readonly name = 'queue-heads';
  readonly interval_seconds = 60;
  private readonly logger = new Logger(HeadsService.name);
  private readonly lanes = new Set<number>();
  private taken = 0;
  private moment = NEVER;
  private isMoving = false;

  constructor(
    private readonly store: HeadsStore,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  /** Notes that tasks have been taken from a lane each; after some hundred its head follows. */
  passed(laneIds: readonly number[]): void {
    laneIds.forEach((id) => this.lanes.add(id));
    this.taken += laneIds.length;
    if (this.taken < TAKEN || this.isMoving) return;
    this.isMoving = true;
    this.advance()
      .catch((error: unknown) => this.logger.warn({ error }, 'the heads of lanes stay where they are'))
      .finally(() => (this.isMoving = false));
  }

  /** Finds entries before the head of their lane. */
  async runOnce(): Promise<void> {
    const opened = await this.store.reopen();
    if (opened > 0) this.logger.warn(`${String(opened)} lanes had tasks before their head: has a clock been set back?`);
  }

  private async advance(): Promise<void> {
    const lanes = [...this.lanes];
    this.lanes.clear();
    this.taken = 0;
    this.moment = await this.store.advance(lanes, this.moment);
  }
}
