import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { Refused, type ControlPlane } from './control-plane.js';
import { freeDisk } from './metrics.js';
import { pause, untilAnswered, type Patience } from './patience.js';
import type { ClaimRequest, Grant } from './protocol.js';
import type { Workload } from './workload.js';

const WAIT_SECONDS = 25;
const DISK_PAUSE_MS = 15_000;
/** How often a worker that takes nothing looks whether the server has heard why. */
const HELD_PAUSE_MS = 500;
/** After a refusal, or an empty answer that came at once: a server without long polls must not be asked without a pause. */
const EMPTY_PAUSE_MS = 1000;
const REFUSED_PAUSE_MS = 5000;

export interface ClaimParts {
  readonly plane: ControlPlane;
  readonly workload: Workload;
  readonly capacity: number;
  /** Directory whose disk must have room. */
  readonly directory: string;
  readonly diskMinFree: number;
  /** Whether it takes nothing until the server has heard why. */
  readonly isHeld: () => boolean;
  readonly patience: (signal: AbortSignal, what: string) => Patience;
  readonly start: (grant: Grant) => void;
  readonly log: Logger;
}

/** Asks for work whenever there is room for it. */
export class ClaimLoop {
  private isDiskLow = false;

  constructor(private readonly parts: ClaimParts) {}

  /** Claims until the server says that the worker has stopped. Rejects when the signal fires, or it may not register. */
  async run(signal: AbortSignal): Promise<void> {
    while (this.parts.workload.desiredStatus !== 'stopped') {
      signal.throwIfAborted();
      if (!(await this.hasRoom(signal))) continue;
      const askedAt = performance.now();
      const grants = await this.claim(signal);
      grants.forEach((grant) => this.take(grant));
      const isHasty = grants.length === 0 && performance.now() - askedAt < EMPTY_PAUSE_MS;
      if (isHasty && this.parts.workload.desiredStatus === 'active') await pause(EMPTY_PAUSE_MS, signal);
    }
  }

  /** Waits for whatever is in the way, and then answers false. */
  private async hasRoom(signal: AbortSignal): Promise<boolean> {
    const { workload, capacity, directory, diskMinFree, isHeld, log } = this.parts;
    if (workload.desiredStatus !== 'active' || workload.count >= capacity) {
      await workload.changed(signal);
      return false;
    }
    if (isHeld()) {
      await pause(HELD_PAUSE_MS, signal);
      return false;
    }
    const free = await freeDisk(directory);
    const isLow = free < diskMinFree;
    if (isLow !== this.isDiskLow)
      log.warn(
        { free, needed: diskMinFree },
        isLow ? 'the disk is nearly full; claiming nothing' : 'the disk has room again',
      );
    this.isDiskLow = isLow;
    if (isLow) await pause(DISK_PAUSE_MS, signal);
    return !isLow;
  }

  /**
   * One poll. It keeps its key when the connection breaks: what an answer that got lost had granted is then granted by
   * the next answer, instead of waiting for its lease to end.
   */
  private async claim(signal: AbortSignal): Promise<Grant[]> {
    const { plane, workload, capacity, patience, log } = this.parts;
    const request: ClaimRequest = {
      max: capacity - workload.count,
      wait_seconds: WAIT_SECONDS,
      request_key: randomUUID(),
    };
    try {
      const answer = await untilAnswered(() => plane.claim(request, signal), patience(signal, 'claim'));
      return answer.executions;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      log.error({ reason: error.message }, 'the claim was refused');
      await pause(REFUSED_PAUSE_MS, signal);
      return [];
    }
  }

  private take(grant: Grant): void {
    const { workload, start, log } = this.parts;
    const { id } = grant.execution;
    if (workload.has(id)) return;
    log.info({ execution_id: id, task: grant.task.name, attempt: grant.execution.attempt }, 'claimed');
    start(grant);
  }
}
