import type { Logger } from 'pino';
import { Refused, Unavailable } from '../control-plane.js';
import type { MachineMetrics } from '../metrics.js';
import { backoff, pause } from '../patience.js';
import type { CoordinatorPlane } from './coordinator-plane.js';
import type { HostRegistrar } from './host-registrar.js';

export interface HostBeatsParts {
  readonly plane: CoordinatorPlane;
  readonly registrar: HostRegistrar;
  readonly metrics: MachineMetrics;
  readonly log: Logger;
  readonly isDraining: () => boolean;
  /** Told when the server wants it to be something else than active. */
  readonly onRest: (status: string) => void;
  /** Told when it may not go on; null when somebody has deleted it. */
  readonly onEnd: (fault: Error | null) => void;
}

/** Says regularly that a host lives, how it is, and how far the server is from there. */
export class HostBeats {
  private failures = 0;
  private latency: number | null = null;

  constructor(private readonly parts: HostBeatsParts) {}

  /** Beats until the signal fires. */
  async run(seconds: number, signal: AbortSignal): Promise<void> {
    let next = seconds;
    while (!signal.aborted) {
      // Earlier than told, never later, so that many hosts started at once do not beat in step.
      let waitMs = next * 1000 * (0.85 + Math.random() * 0.15);
      try {
        next = await this.beat(signal);
      } catch (error) {
        if (signal.aborted) return;
        waitMs = Math.min(backoff(this.failures), next * 1000);
        await this.afterFailure(error, signal);
        this.failures++;
      }
      await pause(waitMs, signal).catch(() => undefined);
    }
  }

  /** Answers the seconds until the next. */
  private async beat(signal: AbortSignal): Promise<number> {
    const { plane, log, onRest } = this.parts;
    const figures = await this.figures();
    const asked = performance.now();
    const answer = await plane.beat(figures, signal);
    this.latency = Math.round((performance.now() - asked) * 10) / 10;
    if (this.failures > 0) log.info('the server is back');
    this.failures = 0;
    if (answer.desired_status !== 'active') onRest(answer.desired_status);
    return answer.next_heartbeat_seconds;
  }

  /** A host whose disk cannot be asked is still alive. */
  private async figures(): Promise<Parameters<CoordinatorPlane['beat']>[0]> {
    const latency = this.latency === null ? {} : { network_latency_ms: this.latency };
    try {
      return { ...(await this.parts.metrics.take()), ...latency };
    } catch (error) {
      this.parts.log.warn({ reason: String(error) }, 'the figures of this host cannot be taken');
      return latency;
    }
  }

  private async afterFailure(error: unknown, signal: AbortSignal): Promise<void> {
    const { log, registrar, isDraining, onEnd } = this.parts;
    if (error instanceof Refused && error.status === 401) {
      // Somebody has deleted it: it ends with its workers, and does not come back by itself.
      if (error.code === 'auth/coordinator-deleted') onEnd(null);
      if (isDraining()) return;
      log.warn({ code: error.code }, 'the token of this coordinator is no longer accepted; registering anew');
      // Does not take the name from a live coordinator: when another process has it by now, this one has been replaced.
      await registrar.register({ replace: false, signal }).catch((reason: unknown) => {
        if (!signal.aborted) onEnd(reason as Error);
      });
      return;
    }
    if (!(error instanceof Refused || error instanceof Unavailable)) log.error({ err: error }, 'heartbeat failed');
    else if (this.failures % 20 === 0) log.warn({ reason: error.message }, 'heartbeat failed; trying on');
  }
}
