import type { Logger } from 'pino';
import { Refused, Unavailable, type ControlPlane } from './control-plane.js';
import type { HouseGuard } from './house-guard.js';
import type { LauncherList } from './launcher-list.js';
import type { MachineMetrics } from './metrics.js';
import { backoff, pause } from './patience.js';
import type { ServerClock } from './server-clock.js';
import type { Workload } from './workload.js';

export interface HeartbeatParts {
  readonly plane: ControlPlane;
  readonly workload: Workload;
  readonly clock: ServerClock;
  readonly metrics: MachineMetrics;
  readonly renew: (refused: Refused) => Promise<void>;
  readonly guard: HouseGuard;
  readonly launchers: LauncherList;
  readonly log: Logger;
}

/** How long the last word may take. */
const LEAVE_MS = 2000;

/** Says regularly that this worker lives, and keeps the leases of exactly what it runs. */
export class HeartbeatLoop {
  private failures = 0;

  constructor(
    private readonly parts: HeartbeatParts,
    private seconds: number,
  ) {}

  /** Beats until the signal fires; rejects when the worker may no longer register. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.beat();
      await pause(waitMs, signal).catch(() => undefined);
    }
  }

  /** The last word: the server then knows that this worker is gone, instead of missing it. Not waited for for long. */
  async takeLeave(note: string): Promise<void> {
    const { plane, workload, log } = this.parts;
    const waiting = new AbortController();
    const said = plane
      .heartbeat({ executions: workload.reports(), stop: { note } })
      .catch((error: unknown) => log.debug({ err: error }, 'the end could not be told'))
      .finally(() => waiting.abort());
    await Promise.race([said, pause(LEAVE_MS, waiting.signal).catch(() => undefined)]);
  }

  /** One heartbeat; answers the milliseconds until the next. */
  async beat(): Promise<number> {
    const { plane, workload, clock, metrics, log, renew, guard, launchers } = this.parts;
    try {
      const figures = await metrics.take();
      const askedAt = performance.now();
      const { note } = guard;
      const { news } = launchers;
      const answer = await plane.heartbeat({
        metrics: figures,
        executions: workload.reports(),
        ...(note === null ? {} : { pause: { note } }),
        ...(news === null ? {} : { launchers: [...news] }),
      });
      if (news !== null) launchers.wereTold(news);
      // From here on the server keeps it, and whoever resumes the worker there ends it.
      if (note !== null && answer.desired_status !== 'active') guard.handOver();
      clock.observe(answer.server_time, askedAt);
      if (this.failures > 0) log.info('the server is back');
      this.failures = 0;
      this.seconds = answer.next_heartbeat_seconds;
      const { ignored } = answer;
      if (ignored !== undefined) log.warn({ ignored }, 'the server has left out a part of the heartbeat');
      // Earlier than told, never later, so that a fleet started at once does not beat in step.
      return this.seconds * 1000 * (0.85 + Math.random() * 0.15);
    } catch (error) {
      return this.afterFailure(error, renew);
    }
  }

  private async afterFailure(error: unknown, renew: HeartbeatParts['renew']): Promise<number> {
    const waitMs = Math.min(backoff(this.failures), this.seconds * 1000);
    if (error instanceof Refused && error.status === 401) await renew(error);
    else if (error instanceof Refused || error instanceof Unavailable) {
      if (this.failures % 20 === 0) this.parts.log.warn({ reason: error.message }, 'heartbeat failed; trying on');
    } else throw error;
    this.failures++;
    return waitMs;
  }
}
