import type { AgentEnd } from './agent-process.js';
import { workAsAgent } from './agent-work.js';
import type { Checkout } from './checkout.js';
import { CheckoutWatch } from './checkout-watch.js';
import { conclude } from './conclude.js';
import { Delivery, isLost } from './delivery.js';
import { ExecutionDirectory } from './execution-directory.js';
import { faultOf, type Fault } from './fault.js';
import { remoteUrl, type Remote } from './git-transport.js';
import { failureFor } from './blame.js';
import { handBack, type HandedBack } from './hand-back.js';
import type { House } from './house.js';
import { launchOf, programOf, type ProcessLaunch } from './launch.js';
import { Listener } from './listener.js';
import { writeNote } from './note.js';
import { prepareCheckout, TRANSPORT_PATIENCE_MS } from './prepare.js';
import type { Finish, Grant, Progress } from './protocol.js';
import { restBounds } from './rest-of-log.js';
import { tellsOfNoSession } from './stream-failure.js';
import { noUsage, type AgentUsage } from './stream-usage.js';
import { ownZone } from './time-zone.js';
import { verdictOf, type EndReason, type Story } from './verdict.js';
import { noteWorkLeft, type Seen } from './work-left.js';
import type { Running } from './workload.js';

const LOOK_MS = 200;
/** How long the branch of an execution that was ended early may wait for a server that is away. */
const HURRIED_PATIENCE_MS: Record<EndReason, number> = {
  cancel: 20_000,
  stop: 5000,
  lost: 0,
  timeout: TRANSPORT_PATIENCE_MS,
  stalled: TRANSPORT_PATIENCE_MS,
};
/** Of its time an agent may be held back so much that writes faster than the server takes it. */
const HOLD_SHARE = 0.1;
/** How long its files may take to be committed; a stopping runner leaves earlier. */
const LOCAL_MS = 10 * 60_000;
const HURRIED_LOCAL_MS = 60_000;

class Ended extends Error {
  constructor(readonly reason: EndReason) {
    super(`ended: ${reason}`);
    this.name = 'Ended';
  }
}

/** One attempt at one task, from the claim to the acknowledged result. */
export class Execution implements Running {
  readonly id: string;
  private readonly directory: ExecutionDirectory;
  private listener: Listener | null = null;
  /** Ends preparation and agent. */
  private readonly ending = new AbortController();
  /** Ends the handing back, too. */
  private readonly giving = new AbortController();
  private reason: EndReason | null = null;
  private phase = 'Starting';
  private isOver = false;
  private isDecided = false;
  private listeningSince: number | null = null;
  /** Files of the worker in the checkout, which are not to be committed. */
  private copied: readonly string[] = [];
  private readonly watch: CheckoutWatch;
  /** Whether what the checkout holds is written down. */
  private isNoted = false;

  constructor(
    private readonly house: House,
    private readonly grant: Grant,
  ) {
    this.id = grant.execution.id;
    this.watch = new CheckoutWatch(house, this.id);
    this.directory = ExecutionDirectory.of(house.directory, this.id);
  }

  get message(): string {
    return this.phase;
  }

  get isHandingOver(): boolean {
    return this.isOver;
  }

  get seen(): Seen | null | undefined {
    return this.isNoted ? undefined : this.watch.seen;
  }

  /** Ends it early. The first reason stands, except that a lost execution is lost; a decided result is told whatever comes. */
  end(reason: EndReason): void {
    if (this.isDecided || (this.reason !== null && reason !== 'lost')) return;
    this.reason = reason;
    this.ending.abort(new Ended(reason));
    if (reason === 'lost') this.giving.abort(new Ended(reason));
  }

  async run(): Promise<void> {
    const { house, directory, grant } = this;
    await directory.create();
    const holdMs = grant.task.timeout_seconds * 1000 * HOLD_SHARE;
    const delivery = await Delivery.open(house, directory, { holdMs, onLost: () => this.end('lost') });
    const leave = (): void => this.giving.abort(new Error('the runner is leaving'));
    house.leaving.addEventListener('abort', leave);
    try {
      await directory.write(directory.claim, `${JSON.stringify(summaryOf(grant), null, 2)}\n`);
      const story = await this.work(delivery);
      this.isDecided = true;
      if (this.reason === 'lost') await conclude.lost(house, directory, delivery);
      else {
        const finish = verdictOf({ ...story, ...this.facts() }, house.secrets);
        this.count(finish, story);
        if (finish.outcome === 'completed') await house.sessions.forget(grant.task.id);
        const isHurried = this.reason !== null && this.reason !== 'stalled';
        const bounds = restBounds(isHurried, Date.parse(grant.deadline) - house.clock.now());
        await conclude.finished(house, directory, delivery, { finish, keep: story.handedBack?.keep ?? null }, bounds);
      }
    } finally {
      house.leaving.removeEventListener('abort', leave);
      await delivery.close();
    }
  }

  private count(finish: Finish, story: Told): void {
    const { house, grant } = this;
    // What was ended from outside says nothing of this machine.
    if (finish.outcome === 'cancelled' || finish.outcome === 'released') return;
    house.accounts.count(programOf(grant), finish);
    if (house.guard.count(failureFor(house, grant, finish, story.fault ?? story.handedBack?.fault ?? null)))
      house.log.error({ note: house.guard.note }, 'this worker pauses itself');
  }

  private async work(delivery: Delivery): Promise<Told> {
    const watch = setInterval(() => this.look(), LOOK_MS);
    const { grant, directory, house } = this;
    let checkout: Checkout | null = null;
    let agent: AgentEnd | null = null;
    let fault: Fault | null = null;
    let remote: Remote | null = null;
    try {
      await delivery.say('info', `Attempt ${String(grant.execution.attempt)} at "${grant.task.name}".`);
      remote = this.remote();
      await this.enterPhase('Preparing the checkout');
      checkout = await prepareCheckout(house, { grant, directory, delivery, remote }, this.ending.signal);
      await this.enterPhase(`Running ${grant.agent.agent_type}`);
      agent = await this.launch(checkout, remote, delivery);
    } catch (error) {
      if (!(error instanceof Ended)) fault = faultOf(error, 'unknown');
    } finally {
      clearInterval(watch);
      await this.watch.end();
    }
    // What follows takes the time that it takes, which is the agent's no more.
    this.isOver = true;
    // An agent that came to its own end before anybody asked is judged by what it did, not by what was asked later.
    const endedFor = this.reason;
    if (fault !== null) await delivery.say('error', fault.message).catch(() => undefined);
    if (endedFor !== null) await delivery.say('warn', `Ended early: ${endedFor}.`).catch(() => undefined);
    const handedBack =
      checkout === null || endedFor === 'lost' ? null : await this.handBack(checkout, remote, delivery);
    if (grant.repository !== null && remote !== null) house.cache.leave(grant.repository.id);
    // What a leaving runner could not hand back is for another worker to do again.
    const isReleased = this.reason === 'stop' && handedBack?.fault != null;
    return { endedFor: isReleased ? 'stop' : endedFor, agent, fault, handedBack };
  }

  private async launch(checkout: Checkout, remote: Remote | null, delivery: Delivery): Promise<AgentEnd | null> {
    const { grant, house, directory } = this;
    const launch = launchOf(grant);
    if (launch.kind === 'note') {
      await delivery.say('info', `Wrote ${await writeNote(checkout.path, grant)}.`);
      return null;
    }
    const watched = { grant, directory, checkout, remote, leaveOut: () => this.copied };
    await this.watch.begin(watched, this.ending.signal);
    const end = await workAsAgent(house, {
      grant,
      directory,
      delivery,
      launch,
      signal: this.ending.signal,
      onSign: (at) => {
        this.listeningSince = at;
      },
      listen: (one) => this.listen(one, delivery),
      again: (one, ended) => this.beginAnew(one, ended),
      session: () => this.listener?.facts?.session_id ?? null,
      onCopied: (paths) => {
        this.copied = paths;
      },
    });
    const how = end.exitCode === null ? `signal ${end.endedBy ?? 'unknown'}` : `exit code ${String(end.exitCode)}`;
    await delivery.say('info', `The agent ended with ${how}.`);
    return end;
  }

  /** What the last listener has heard is what is told of the execution. */
  private listen(launch: ProcessLaunch, delivery: Delivery): Listener {
    this.listener = new Listener(
      launch,
      {
        secrets: this.house.secrets,
        append: (level, stream, messages) => delivery.appendOutput(level, stream, messages),
        progress: (news) => this.tellProgress(news),
      },
      launch.resumes ? usedBefore(this.grant) : undefined,
    );
    return this.listener;
  }

  /** The launch without the session of the attempt before, where the agent has ended because that is not here. */
  private beginAnew({ resumes }: ProcessLaunch, { exitCode }: AgentEnd): ProcessLaunch | null {
    if (!resumes || exitCode === 0 || this.reason !== null || this.listener === null) return null;
    const { facts, lastComplaints } = this.listener;
    if (!tellsOfNoSession(`${facts?.failure?.message ?? ''}\n${lastComplaints}`)) return null;
    const anew = launchOf(this.grant, true);
    return anew.kind === 'process' ? anew : null;
  }

  private async handBack(checkout: Checkout, remote: Remote | null, delivery: Delivery): Promise<HandedBack> {
    await this.tellProgress({ message: 'Handing the branch back', agent_ended: true });
    const { house, grant, directory } = this;
    const patienceMs = this.reason === null ? TRANSPORT_PATIENCE_MS : HURRIED_PATIENCE_MS[this.reason];
    const localMs = this.reason === null ? LOCAL_MS : HURRIED_LOCAL_MS;
    const plan = { grant, directory, checkout, delivery, remote, patienceMs, localMs };
    const handedBack = await handBack(house, { ...plan, copied: this.copied, signal: this.giving.signal });
    try {
      await noteWorkLeft(directory, grant, handedBack);
      this.isNoted = true;
    } catch (error) {
      house.log.warn({ execution_id: this.id, err: error }, 'what the checkout holds could not be noted');
    }
    if (handedBack.fault !== null) await delivery.say('error', handedBack.fault.message).catch(() => undefined);
    return handedBack;
  }

  /** Looks at the clocks. The deadline is the server's: it is compared with the server's time, not this machine's. */
  private look(): void {
    const deadline = Date.parse(this.grant.deadline);
    if (this.house.clock.now() >= deadline) this.end('timeout');
    const silence = this.listeningSince === null ? 0 : performance.now() - this.listeningSince;
    if (silence >= this.house.settings.runner.stall_seconds * 1000) this.end('stalled');
  }

  private remote(): Remote | null {
    const { repository } = this.grant;
    if (repository === null) return null;
    const { plane, settings } = this.house;
    return { url: remoteUrl(repository.clone_url, settings.runner.url), user: this.id, password: () => plane.token };
  }

  /** What the execution is doing now, for whoever watches. */
  private enterPhase(message: string): Promise<void> {
    return this.tellProgress({ message });
  }

  /** Heartbeats repeat the message, so a lost one does no harm. */
  private async tellProgress(news: Progress): Promise<void> {
    this.phase = news.message ?? this.phase;
    try {
      await this.house.plane.sendProgress(this.id, news);
    } catch (error) {
      if (isLost(error)) this.end('lost');
      else this.house.log.debug({ execution_id: this.id, err: error }, 'progress was not delivered');
    }
  }

  private facts(): Omit<Story, keyof Told> {
    const { listener, house, grant } = this;
    return {
      said: listener?.facts ?? null,
      tail: listener?.lastLines ?? '',
      complaints: listener?.lastComplaints ?? '',
      now: new Date(house.clock.now()),
      // Behind a wrapper there may be another machine, as it were.
      zone: house.isolation.level === 'wrapper' ? null : ownZone(),
      timeoutSeconds: grant.task.timeout_seconds,
      stallSeconds: house.settings.runner.stall_seconds,
    };
  }
}

interface Told {
  readonly endedFor: EndReason | null;
  readonly agent: AgentEnd | null;
  readonly fault: Fault | null;
  readonly handedBack: HandedBack | null;
}

/** What the session it goes on with had used, which some CLIs count with what comes. */
const usedBefore = ({ previous }: Grant): AgentUsage => ({ ...noUsage, ...previous?.usage, cost_usd: null });

/** For whoever finds the directory after a crash. */
const summaryOf = ({ task, execution, branch, repository }: Grant): Record<string, unknown> => ({
  task_id: task.id,
  task_name: task.name,
  attempt: execution.attempt,
  branch,
  repository: repository?.full_name ?? repository?.id ?? null,
});
