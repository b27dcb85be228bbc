import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RunnerSettings } from '../config/runner.config.js';
import { ApiControlPlane } from './api-control-plane.js';
import { ChannelControlPlane } from './channel-control-plane.js';
import { ClaimLoop } from './claims.js';
import { conclude } from './conclude.js';
import type { ControlPlane } from './control-plane.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { Execution } from './execution.js';
import { Git } from './git.js';
import { HouseGuard } from './house-guard.js';
import { Housekeeping } from './housekeeping.js';
import { HeartbeatLoop } from './heartbeat.js';
import { patienceFor, type House } from './house.js';
import { LauncherList } from './launcher-list.js';
import { chooseIsolation } from './isolation/choose.js';
import type { Isolation } from './isolation/isolation.js';
import { Lock } from './lock.js';
import { Membership } from './membership.js';
import { MachineMetrics } from './metrics.js';
import { settleOrphans } from './orphans.js';
import { PortBlocks } from './port-blocks.js';
import type { Directives, Grant } from './protocol.js';
import { RefusedAccounts } from './refused-accounts.js';
import { Dismissed, NotRegistered, Registrar } from './registration.js';
import { RepositoryCache } from './repository-cache.js';
import type { Secrets } from './secrets.js';
import { ServerClock } from './server-clock.js';
import { Sessions } from './sessions.js';
import { Workload } from './workload.js';

/** Beyond the agents' grace: time to push and to tell the results before the runner leaves. */
const LEAVE_MS = 12_000;

/** One worker: registers, beats, claims, executes, until it is told to stop. */
export class Runner {
  private readonly workload = new Workload();
  private readonly stopping = new AbortController();
  private readonly hurrying = new AbortController();
  private readonly leaving = new AbortController();
  private readonly gone = new AbortController();
  private fault: NotRegistered | Dismissed | null = null;

  constructor(
    private readonly settings: RunnerSettings,
    private readonly version: string,
    private readonly log: Logger,
    /** Learns the key and every token, so that `log`, too, can hide them. */
    private readonly secrets: Secrets,
  ) {
    secrets.add(settings.runner.key);
    secrets.add(settings.runner.join_token);
  }

  /** Resolves when stopped and done, also when the server has told it to stop. Rejects with LockHeld or NotRegistered when it cannot work. */
  async run(): Promise<void> {
    const { worker_dir } = this.settings.runner;
    await mkdir(worker_dir, { recursive: true, mode: 0o700 });
    const directory = await realpath(worker_dir);
    // Two runners in one directory would take each other's executions for orphans.
    const lock = await Lock.take(join(directory, 'runner.lock'));
    try {
      await this.work(directory, await settleOrphans(directory, this.log));
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.gone.abort();
      await lock.release();
    }
    if (this.fault !== null && !(this.fault instanceof Dismissed)) throw this.fault;
  }

  /** Ends the agents, releases their executions, delivers what is spooled. Asked a second time, it hurries. */
  stop(): void {
    if (this.stopping.signal.aborted) {
      this.hurrying.abort();
      this.leaving.abort();
      return;
    }
    this.log.info({ running: this.workload.count }, 'stopping');
    this.stopping.abort(new Error('the runner is stopping'));
    this.workload.endAll('stop');
    const patience = this.settings.runner.term_grace_seconds * 1000 + LEAVE_MS;
    setTimeout(() => this.leaving.abort(), patience).unref();
  }

  private async work(directory: string, spooled: readonly ExecutionDirectory[]): Promise<void> {
    const { house, registrar } = await this.open(directory, () => [
      ...new Set([...this.workload.reports().map(({ id }) => id), ...spooled.map(({ executionId }) => executionId)]),
    ]);
    const first = await registrar.first();
    for (const one of spooled) this.deliver(house, one);
    const { plane, clock, log } = house;
    const metrics = new MachineMetrics(directory, this.settings.runner.disk_min_free);
    const beats = new HeartbeatLoop(
      {
        plane,
        clock,
        metrics,
        log,
        workload: this.workload,
        renew: house.renew,
        guard: house.guard,
        launchers: house.launchers,
      },
      first.heartbeat_seconds,
    );
    // The first beat also tells the server's time, which deadlines need.
    await beats.beat();
    const beating = new AbortController();
    const beat = beats.run(beating.signal);
    // A refusal reaches `onRefused` as well, which stops the runner.
    beat.catch(() => undefined);
    const keeping = Promise.all([
      new Housekeeping(house, this.workload).run(beating.signal),
      house.launchers.watch(this.settings.runner.launchers_seconds, beating.signal),
    ]);
    if (!this.settings.supervised.last_run)
      await this.claimLoop(house)
        .run(this.stopping.signal)
        .then(() => log.info('told to stop; ending what runs'))
        .catch((error: unknown) => this.endUnlessStopping(error));
    await this.workload.idle();
    beating.abort();
    await Promise.all([beat.catch(() => undefined), keeping]);
    if (this.fault === null) await beats.takeLeave('The worker has ended in order.');
  }

  private async open(
    directory: string,
    executions: () => readonly string[],
  ): Promise<{ house: House; registrar: Registrar }> {
    const { settings, log, version } = this;
    const { runner: config, gitEnvironment } = settings;
    const membership = await Membership.open(directory, { ...config, name: config.worker_name });
    this.secrets.add(membership.secret);
    const plane = this.controlPlane(membership);
    const git = new Git(gitEnvironment);
    const isolation = await this.isolation(directory);
    const launchers = new LauncherList({ isolation, directory, accounts: config.accounts, log });
    await launchers.detect();
    const registrar = new Registrar({
      plane,
      config,
      membership,
      version,
      log,
      executions,
      launchers,
      isolation: isolation.level,
      signal: this.leavingSignal(),
      onToken: (token) => this.secrets.add(token),
      onRefused: (error) => this.giveUp(error),
    });
    const house: House = {
      settings,
      directory,
      plane,
      git,
      log,
      secrets: this.secrets,
      cache: new RepositoryCache(git, directory),
      isolation,
      ports: new PortBlocks(config.agent_ports),
      guard: new HouseGuard(),
      launchers,
      accounts: new RefusedAccounts(launchers, config.worker_scope === 'organization'),
      sessions: new Sessions(directory),
      clock: new ServerClock(),
      tellCheckouts: () => this.workload.noteCheckouts(),
      logBatch: () => registrar.current?.log_batch ?? 500,
      renew: (refused) => registrar.renew(refused),
      hurry: this.hurrying.signal,
      leaving: this.leaving.signal,
    };
    return { house, registrar };
  }

  private async isolation(directory: string): Promise<Isolation> {
    const { isolation, refused } = await chooseIsolation(this.settings, directory);
    const { level, means } = isolation;
    if (level === 'none')
      this.log.warn({ refused }, 'agents run without isolation: they can read what this worker can');
    else this.log.info({ isolation: level, means }, 'agents run isolated');
    return isolation;
  }

  private controlPlane(membership: Membership): ControlPlane {
    const { runner: config } = this.settings;
    const onDirectives = (directives: Partial<Directives>): void => this.workload.follow(directives);
    const requests = new ApiControlPlane({ url: config.url, key: () => membership.secret }, onDirectives);
    if (!config.channel) return requests;
    const { url } = config;
    return new ChannelControlPlane(requests, { url, log: this.log, onDirectives, signal: this.gone.signal });
  }

  /** Before there is any work a stop ends the wait for the server at once; later, results may still need a registration. */
  private leavingSignal(): AbortSignal {
    const either = new AbortController();
    this.leaving.signal.addEventListener('abort', () => either.abort(new Error('the runner is leaving')));
    this.stopping.signal.addEventListener('abort', () => {
      if (this.workload.count === 0) either.abort(this.stopping.signal.reason);
    });
    return either.signal;
  }

  private claimLoop(house: House): ClaimLoop {
    const { capacity, disk_min_free } = this.settings.runner;
    return new ClaimLoop({
      plane: house.plane,
      workload: this.workload,
      capacity,
      directory: house.directory,
      diskMinFree: disk_min_free,
      // What the server does not know of yet, it would give work for.
      isHeld: () => house.guard.note !== null || house.launchers.news !== null,
      patience: (signal, what) => patienceFor(house, signal, what),
      start: (grant) => this.start(house, grant),
      log: house.log,
    });
  }

  private start(house: House, grant: Grant): void {
    try {
      const execution = new Execution(house, grant);
      this.workload.add(execution, this.safely(execution.id, execution.run()));
      // A grant that arrived with the stop is given back at once.
      if (this.stopping.signal.aborted) execution.end('stop');
    } catch (error) {
      house.log.error({ err: error }, 'a claim cannot be carried out');
    }
  }

  private deliver(house: House, directory: ExecutionDirectory): void {
    const id = directory.executionId;
    const running = { id, message: 'Delivering the result', isHandingOver: true, end: (): void => undefined };
    house.log.info({ execution_id: id }, 'delivering a result of an earlier run');
    this.workload.add(running, this.safely(id, conclude.spooled(house, directory)));
  }

  /** Whatever happens inside one execution, the others go on. */
  private async safely(id: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.log.error({ execution_id: id, err: error }, 'the execution ended by a fault of the runner');
    }
  }

  private endUnlessStopping(error: unknown): void {
    if (this.stopping.signal.aborted) return;
    if (error instanceof NotRegistered || error instanceof Dismissed) return this.giveUp(error);
    throw error;
  }

  /** Without a token nothing can be told any more: the agents are ended, what they did stays. */
  private giveUp(error: NotRegistered | Dismissed): void {
    this.fault ??= error;
    if (error instanceof Dismissed) this.log.info(error.message);
    else this.log.error(error.message);
    this.workload.endAll('lost');
    this.stopping.abort(error);
    this.leaving.abort();
  }
}
