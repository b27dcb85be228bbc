import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CoordinatorSettings } from '../../config/coordinator.config.js';
import type { Environment } from '../../config/load.js';
import { Lock } from '../lock.js';
import type { Membership } from '../membership.js';
import { MachineMetrics } from '../metrics.js';
import { pause, untilAnswered } from '../patience.js';
import { HostBeats } from './host-beats.js';
import type { CoordinatorPlane } from './coordinator-plane.js';
import { HostRegistrar } from './host-registrar.js';
import { settlePredecessors } from './predecessors.js';
import {
  directoriesBeyond,
  isToBeHeardOf,
  noteUnheard,
  retireDirectory,
  settleDirectory,
} from './worker-directories.js';
import { WorkerSlot } from './worker-slot.js';

/** Beyond the agents' grace: time of workers to push and to tell the results before they are killed. */
const LEAVE_MS = 25_000;
/** How long the end is told to a server that does not answer. */
const FAREWELL_MS = 3000;
const TOLD_TO_STOP = 'Its process has been told to stop.';
const ALL_ENDED = 'All its workers have ended.';

export interface CoordinatorParts {
  readonly settings: CoordinatorSettings;
  readonly plane: CoordinatorPlane;
  /** With what it registers, when it has not been signed in. */
  readonly membership: Membership;
  /** The program that runs a worker, with its arguments. */
  readonly command: readonly string[];
  readonly log: Logger;
  /** Told of each token before it is used. */
  readonly onToken: (token: string) => void;
}

/** Supervises the workers of a host: registers, starts them, beats, and has them finish together. */
export class Coordinator {
  private readonly slots: WorkerSlot[] = [];
  /** The place of a worker that comes for the last time. */
  private retiring: WorkerSlot | null = null;
  private readonly registrar: HostRegistrar;
  /** No worker is started any more. */
  private readonly draining = new AbortController();
  private readonly gone = new AbortController();
  private requests = 0;
  private fault: Error | null = null;

  constructor(private readonly parts: CoordinatorParts) {
    this.registrar = new HostRegistrar(parts);
  }

  /** Whether its workers were not given the time to finish. */
  get wasHurried(): boolean {
    return this.requests > 1;
  }

  /** Resolves when all workers have ended in order. Rejects with LockHeld or NotRegistered when it cannot work. */
  async run(): Promise<void> {
    const { settings } = this.parts;
    await mkdir(settings.coordinator.directory, { recursive: true, mode: 0o700 });
    const directory = await realpath(settings.coordinator.directory);
    // Two coordinators in one directory would start two workers in each of those below.
    const lock = await Lock.take(join(directory, 'coordinator.lock'));
    try {
      await this.work(directory);
    } catch (error) {
      if (!this.draining.signal.aborted) throw error;
    } finally {
      this.gone.abort();
      await lock.release();
    }
    if (this.fault !== null) throw this.fault;
  }

  /** Has the workers finish what they run. Asked again, it ends them; asked once more, they hurry. */
  stop(): void {
    this.requests++;
    if (this.requests > 1) return this.endWorkers();
    this.leave('told to stop');
    setTimeout(() => this.endWorkers(), this.parts.settings.coordinator.drain_seconds * 1000).unref();
    if (this.slots.length > 0) void this.tellDrain();
  }

  private async work(directory: string): Promise<void> {
    const { plane, log } = this.parts;
    const workers = join(directory, 'workers');
    await settlePredecessors(workers, log, this.draining.signal);
    const { heartbeat_seconds, coordinator } = await this.registrar.register({
      replace: true,
      signal: this.draining.signal,
    });
    if (coordinator.status !== 'active') this.leave(`the server says ${coordinator.status}`);
    const beating = new HostBeats({
      plane,
      log,
      metrics: new MachineMetrics(directory, null),
      registrar: this.registrar,
      isDraining: () => this.draining.signal.aborted,
      onRest: (status) => this.leave(`the server says ${status}`),
      onEnd: (fault) => this.giveUp(fault),
    }).run(heartbeat_seconds, this.gone.signal);
    await Promise.all([this.supervise(workers), this.retire(workers)]);
    log.info('all workers have ended');
    if (!this.draining.signal.aborted) await this.sayFarewell();
    this.gone.abort();
    await beating;
  }

  private async supervise(directory: string): Promise<void> {
    const { settings, log } = this.parts;
    for (let number = 1; number <= settings.coordinator.workers; number++)
      this.slots.push(this.slot(directory, number));
    await Promise.all(
      this.slots.map(async (slot, index) => {
        const inOrder = await slot.run(this.draining.signal);
        // Nobody starts it again, who would end its agents and explain its checkouts.
        if (!inOrder) await settleDirectory(join(directory, String(index + 1)), log);
      }),
    );
  }

  /**
   * Workers beyond those there are to be come once more, where their last run did not end in order: they hand back what they
   * ran, deliver what waits, and are stopped, instead of missed for ever.
   */
  private async retire(workers: string): Promise<void> {
    const { settings, log } = this.parts;
    for (const number of await directoriesBeyond(workers, settings.coordinator.workers)) {
      if (this.draining.signal.aborted) return;
      const directory = join(workers, String(number));
      try {
        if (await isToBeHeardOf(directory)) {
          await noteUnheard(directory);
          // It is tried again when this is started the next time.
          if (!(await this.lastRun(workers, number))) continue;
        }
        await retireDirectory(directory, log);
      } catch (error) {
        // Those that are run have nothing to do with it.
        log.warn({ directory, err: error }, 'what a worker that is no longer run has left cannot be put in order');
      }
    }
  }

  /** Whether it could take its leave. */
  private async lastRun(workers: string, number: number): Promise<boolean> {
    this.retiring = this.slot(workers, number, { MIYABI_LAST_RUN: 'on' });
    const { code } = await this.retiring.once();
    this.retiring = null;
    if (code !== 0) this.parts.log.warn({ number, code }, 'a worker that is no longer run could not take its leave');
    return code === 0;
  }

  private slot(directory: string, number: number, more: Environment = {}): WorkerSlot {
    const { settings, plane, membership, command, log } = this.parts;
    const name = `${membership.name}-${String(number)}`;
    const environment = (): Environment => ({
      ...settings.environment,
      MIYABI_KEY: plane.token,
      // What this process speaks with is none of theirs.
      MIYABI_API_KEY: undefined,
      MIYABI_API_KEY_FILE: undefined,
      MIYABI_JOIN_TOKEN: undefined,
      MIYABI_WORKER_NAME: name,
      // They write to one place, and each to its own part of one disk.
      MIYABI_LOG_NAME: name,
      DISK_BUDGET: String(shareOf(settings.runner.disk_budget, settings.coordinator.workers)),
      MIYABI_WORKER_DIR: join(directory, String(number)),
      ...more,
    });
    return new WorkerSlot({ name, command, environment, log });
  }

  /** Starts no worker any more; those there are finish. */
  private leave(why: string): void {
    if (this.draining.signal.aborted) return;
    this.parts.log.info({ why }, 'finishing: the workers end what they run');
    this.draining.abort(new Error('the coordinator is stopping'));
    this.retiring?.kill('SIGTERM');
  }

  /** Has the workers end their agents and hand back what they run; who does not is killed. */
  private endWorkers(): void {
    this.parts.log.info('ending the workers');
    const all = [...this.slots, ...(this.retiring === null ? [] : [this.retiring])];
    for (const slot of all) slot.kill('SIGTERM');
    const patience = this.parts.settings.runner.term_grace_seconds * 1000 + LEAVE_MS;
    setTimeout(() => all.forEach((slot) => slot.kill('SIGKILL')), patience).unref();
  }

  /** Workers hear of it from the server, at once. */
  private async tellDrain(): Promise<void> {
    const { plane, log } = this.parts;
    const { signal } = this.gone;
    try {
      await untilAnswered(() => plane.drain(TOLD_TO_STOP, signal), {
        signal,
        renew: (refused) => Promise.reject(refused),
        onWait: ({ message }) => log.warn({ reason: message }, 'the server does not hear of the drain; trying on'),
      });
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ reason: String(error) }, 'the server does not take the drain; the workers are ended');
      this.endWorkers();
    }
  }

  /** Workers that were told to end one by one leave a coordinator that nobody need miss. */
  private async sayFarewell(): Promise<void> {
    const ending = new AbortController();
    const told = this.parts.plane.drain(ALL_ENDED, ending.signal).catch(() => undefined);
    await Promise.race([told, pause(FAREWELL_MS, ending.signal).catch(() => undefined)]);
    ending.abort();
    await told;
  }

  private giveUp(fault: Error | null): void {
    this.fault = fault;
    this.leave(fault === null ? 'this coordinator has been deleted' : fault.message);
    this.endWorkers();
  }
}

/** Each worker's part of a budget, where none is no limit. */
const shareOf = (bytes: number, workers: number): number =>
  bytes === 0 ? 0 : Math.max(1, Math.floor(bytes / workers));
