import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CoordinatorSettings } from '../../config/coordinator.config.js';
import { Lock } from '../lock.js';
import type { Membership } from '../membership.js';
import { MachineMetrics } from '../metrics.js';
import { pause, untilAnswered } from '../patience.js';
import { HostBeats } from './host-beats.js';
import type { CoordinatorPlane } from './coordinator-plane.js';
import { HostRegistrar } from './host-registrar.js';
import { settlePredecessors } from './predecessors.js';
import { retireDirectory, settleDirectory } from './worker-directories.js';
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
    const { settings, plane, log } = this.parts;
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
    await retireDirectory(workers, settings.coordinator.workers, log);
    await this.supervise(workers);
    log.info('all workers have ended');
    if (!this.draining.signal.aborted) await this.sayFarewell();
    this.gone.abort();
    await beating;
  }

  private async supervise(directory: string): Promise<void> {
    const { settings, plane, membership, command, log } = this.parts;
    const { name } = membership;
    const { workers } = settings.coordinator;
    for (let number = 1; number <= workers; number++) {
      const worker = `${name}-${String(number)}`;
      const environment = () => ({
        ...settings.environment,
        MIYABI_KEY: plane.token,
        // What this process speaks with is none of theirs.
        MIYABI_API_KEY: undefined,
        MIYABI_API_KEY_FILE: undefined,
        MIYABI_JOIN_TOKEN: undefined,
        MIYABI_WORKER_NAME: worker,
        // They write to one place, and each to its own part of one disk.
        MIYABI_LOG_NAME: worker,
        DISK_BUDGET: String(shareOf(settings.runner.disk_budget, workers)),
        MIYABI_WORKER_DIR: join(directory, String(number)),
      });
      this.slots.push(new WorkerSlot({ name: worker, command, environment, log }));
    }
    await Promise.all(
      this.slots.map(async (slot, index) => {
        const inOrder = await slot.run(this.draining.signal);
        // Nobody starts it again, who would end its agents and explain its checkouts.
        if (!inOrder) await settleDirectory(join(directory, String(index + 1)), log);
      }),
    );
  }

  /** Starts no worker any more; those there are finish. */
  private leave(why: string): void {
    if (this.draining.signal.aborted) return;
    this.parts.log.info({ why }, 'finishing: the workers end what they run');
    this.draining.abort(new Error('the coordinator is stopping'));
  }

  /** Has the workers end their agents and hand back what they run; who does not is killed. */
  private endWorkers(): void {
    this.parts.log.info('ending the workers');
    for (const slot of this.slots) slot.kill('SIGTERM');
    const patience = this.parts.settings.runner.term_grace_seconds * 1000 + LEAVE_MS;
    setTimeout(() => this.slots.forEach((slot) => slot.kill('SIGKILL')), patience).unref();
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
