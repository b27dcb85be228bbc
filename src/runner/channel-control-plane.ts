import type { Logger } from 'pino';
import {
  ChannelClosed,
  ChannelProblem,
  FrameTooLarge,
  type Push,
  type Verb,
  type Words,
} from '../client/worker-channel-client.js';
import { CALL_SECONDS, claimSeconds, LOGS_SECONDS, PROGRESS_SECONDS } from './api-control-plane.js';
import { ChannelLine } from './channel-line.js';
import { failureOf, Unavailable, type ControlPlane } from './control-plane.js';
import type {
  ClaimAnswer,
  ClaimRequest,
  Directives,
  Finish,
  FinishAnswer,
  Heartbeat,
  HeartbeatAnswer,
  LogAnswer,
  LogBatch,
  Progress,
  Registration,
  WorkerRegistration,
  WorktreeReport,
  WorktreesAnswer,
} from './protocol.js';

export interface ChannelPlaneParts {
  readonly url: string;
  readonly log: Logger;
  /** Told what answers ask of this worker, and what the server asks by itself. */
  readonly onDirectives: (directives: Partial<Directives>) => void;
  /** Closes the channel for good. */
  readonly signal: AbortSignal;
}

interface Way<V extends Verb> {
  readonly seconds: number;
  readonly signal: AbortSignal | null;
  /** The same call as a request. */
  readonly byRequest: () => Promise<Words[V]['answer']>;
}

/**
 * The server over the worker's channel while that is open, and by requests otherwise. A call that the end of the channel
 * interrupts is made again as a request: whether or not it was carried out, every word may be said twice.
 */
export class ChannelControlPlane implements ControlPlane {
  private readonly line: ChannelLine;
  /** The registration whose token the channel has. */
  private connected = 0;

  constructor(
    private readonly requests: ControlPlane,
    private readonly parts: ChannelPlaneParts,
  ) {
    this.line = new ChannelLine({ ...parts, onPush: (push) => parts.onDirectives(directivesOf(push)) });
  }

  get token(): string {
    return this.requests.token;
  }

  get registration(): number {
    return this.requests.registration;
  }

  async register(body: WorkerRegistration, signal: AbortSignal): Promise<Registration> {
    const answer = await this.requests.register(body, signal);
    this.connected = this.requests.registration;
    this.line.connect(answer.token);
    return answer;
  }

  heartbeat(body: Heartbeat): Promise<HeartbeatAnswer> {
    const byRequest = (): Promise<HeartbeatAnswer> => this.requests.heartbeat(body);
    return this.say('heartbeat', body, { seconds: CALL_SECONDS, signal: null, byRequest });
  }

  claim(body: ClaimRequest, signal: AbortSignal): Promise<ClaimAnswer> {
    const byRequest = (): Promise<ClaimAnswer> => this.requests.claim(body, signal);
    return this.say('claim', body, { seconds: claimSeconds(body), signal, byRequest });
  }

  sendLogs(execution_id: string, body: LogBatch, signal: AbortSignal): Promise<LogAnswer> {
    const byRequest = (): Promise<LogAnswer> => this.requests.sendLogs(execution_id, body, signal);
    return this.say('logs', { ...body, execution_id }, { seconds: LOGS_SECONDS, signal, byRequest });
  }

  async sendProgress(execution_id: string, body: Progress): Promise<Directives> {
    const byRequest = (): Promise<Directives> => this.requests.sendProgress(execution_id, body);
    const waiting = new AbortController();
    const giveUp = (): void => waiting.abort(new Unavailable(`no answer within ${String(PROGRESS_SECONDS)} s`));
    const timer = setTimeout(giveUp, PROGRESS_SECONDS * 1000);
    try {
      // A server that is slow is not yet one that is gone.
      const way = { seconds: CALL_SECONDS, signal: waiting.signal, byRequest };
      return await this.say('progress', { ...body, execution_id }, way);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Once a minute and of any size: not for the channel. */
  reportWorktrees(worktrees: readonly WorktreeReport[], signal: AbortSignal): Promise<WorktreesAnswer> {
    return this.requests.reportWorktrees(worktrees, signal);
  }

  finish(execution_id: string, body: Finish, signal: AbortSignal): Promise<FinishAnswer> {
    const byRequest = (): Promise<FinishAnswer> => this.requests.finish(execution_id, body, signal);
    return this.say('finish', { ...body, execution_id }, { seconds: CALL_SECONDS, signal, byRequest });
  }

  private async say<V extends Verb>(
    verb: V,
    said: Words[V]['said'],
    { seconds, signal, byRequest }: Way<V>,
  ): Promise<Words[V]['answer']> {
    const channel = this.line.current;
    if (channel === null) return byRequest();
    const { connected: registration } = this;
    let answer: Words[V]['answer'];
    try {
      answer = await channel.say(verb, said, { seconds, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ChannelProblem) throw failureOf(error.problem.status, error.problem, { registration });
      if (!(error instanceof ChannelClosed || error instanceof FrameTooLarge)) throw error;
      this.parts.log.debug({ verb, reason: error.message }, 'said again as a request');
      return byRequest();
    }
    this.parts.onDirectives(answer);
    return answer;
  }
}

const STATUS_OF_WORD = { resume: 'active', pause: 'paused', drain: 'draining', stop: 'stopped' } as const;

function directivesOf(push: Push): Partial<Directives> {
  switch (push.type) {
    case 'cancel':
      return { cancel: push.executions };
    case 'lost':
      return { lost: push.executions };
    case 'inventory':
      return { send_inventory: true };
    case 'end':
      return {};
    default:
      return { desired_status: STATUS_OF_WORD[push.type] };
  }
}
