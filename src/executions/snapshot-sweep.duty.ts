import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { SnapshotsService } from '../git/snapshots.service.js';
import { SightsStore } from './sights.store.js';

/** Removes what was seen of checkouts once their executions have ended: what they handed back has taken its place. */
@Injectable()
export class SnapshotSweepDuty implements Duty {
  readonly name = 'snapshot-sweep';
  readonly interval_seconds = 60;

  constructor(
    private readonly sights: SightsStore,
    private readonly snapshots: SnapshotsService,
    private readonly mirrors: MirrorsService,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    if (!this.mirrors.here) return;
    const found = await this.snapshots.list();
    if (found.length === 0) return;
    const fresh = await this.sights.findFresh(found.map(({ execution_id }) => execution_id));
    const gone = found.filter(({ execution_id }) => !fresh.some(({ id }) => id === execution_id));
    await this.sights.remove(gone.map(({ execution_id }) => execution_id));
    this.database.afterCommit(() => {
      // What cannot be removed now is found again by the next round.
      for (const one of gone) void this.snapshots.remove(one).catch(() => undefined);
    });
  }
}
