import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { LeasesService, type LeaseReport, type Signals } from '../queue/leases.service.js';
import { WorkerControls } from './worker-controls.service.js';
import { type Ignored, WorkerWords } from './worker-words.service.js';
import { type Launcher, type WorkerMetrics, WorkersStore } from './workers.store.js';

export interface Beat {
  metrics?: WorkerMetrics;
  launchers?: readonly Launcher[];
  executions: readonly LeaseReport[];
  /** The worker's own wish to be paused. */
  pause?: { note: string };
  /** Its last word: it ends in order. */
  stop?: { note: string };
}

export interface BeatReceipt extends Signals {
  server_time: string;
  next_heartbeat_seconds: number;
  note: string | null;
  /** What was left out of what it said; absent when that was nothing. */
  ignored?: Ignored[];
}

/** Signs of life of workers. */
@Injectable()
export class HeartbeatsService {
  constructor(
    private readonly store: WorkersStore,
    private readonly controls: WorkerControls,
    private readonly leases: LeasesService,
    private readonly config: QueueConfig,
    private readonly words: WorkerWords,
  ) {}

  /** Takes a heartbeat as it came. What is wrong in it is left out and named: no lease ends because of a figure. */
  async hear(worker: WorkerPrincipal, heartbeat: object): Promise<BeatReceipt> {
    const { said, ignored } = await this.words.heartbeat(heartbeat);
    const receipt = await this.beat(worker, { ...said, executions: said.executions ?? [] });
    return ignored === undefined ? receipt : { ...receipt, ignored };
  }

  /** Notes that a worker is alive and renews exactly the executions it lists. */
  async beat(worker: WorkerPrincipal, beat: Beat): Promise<BeatReceipt> {
    if (beat.launchers) await this.store.setLaunchers(worker.id, beat.launchers);
    if (beat.pause) await this.controls.pauseItself(worker, beat.pause.note);
    if (beat.stop) await this.controls.stopItself(worker, beat.stop.note);
    const { server_time, ...contact } = await this.leases.beat(worker.id, beat.executions, beat.metrics ?? null);
    return {
      server_time: server_time.toISOString(),
      next_heartbeat_seconds: this.config.heartbeat_seconds,
      ...contact,
    };
  }
}
