import { createMiyabiClient, type MiyabiClient } from '../client/client.js';
import { askServer, type Answered } from './ask-server.js';
import type { ControlPlane } from './control-plane.js';
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

export const CALL_SECONDS = 20;
export const LOGS_SECONDS = 60;
/** Progress is repeated by heartbeats, so nothing waits long for it. */
export const PROGRESS_SECONDS = 5;
/** A claim may be answered late, so the time beyond its wait is generous. */
const BEYOND_WAIT_SECONDS = 15;

/** How long the answer to a claim is waited for. */
export const claimSeconds = ({ wait_seconds = 0 }: ClaimRequest): number => wait_seconds + BEYOND_WAIT_SECONDS;

/** The server over HTTP, through the generated client. */
export class ApiControlPlane implements ControlPlane {
  private readonly registrar: MiyabiClient;
  private readonly client: MiyabiClient;
  private worker: { id: string; token: string } | null = null;
  registration = 0;

  constructor(
    options: { url: string; key: string | (() => string) },
    /** Told what every answer asks of this worker. */
    private readonly onDirectives: (directives: Directives) => void,
  ) {
    this.registrar = createMiyabiClient({ url: options.url, token: options.key });
    this.client = createMiyabiClient({ url: options.url, token: () => this.token });
  }

  get token(): string {
    return this.worker?.token ?? '';
  }

  async register(body: WorkerRegistration, signal: AbortSignal): Promise<Registration> {
    const answer = await this.ask(CALL_SECONDS, signal, (options) =>
      this.registrar.POST('/api/v1/workers', { body, ...options }),
    );
    this.worker = { id: answer.worker.id, token: answer.token };
    this.registration++;
    return answer;
  }

  heartbeat(body: Heartbeat): Promise<HeartbeatAnswer> {
    const params = { path: { id: this.workerId } };
    return this.directed(CALL_SECONDS, null, (options) =>
      this.client.POST('/api/v1/workers/{id}/heartbeat', { params, body, ...options }),
    );
  }

  claim(body: ClaimRequest, signal: AbortSignal): Promise<ClaimAnswer> {
    const params = { path: { id: this.workerId } };
    return this.directed(claimSeconds(body), signal, (options) =>
      this.client.POST('/api/v1/workers/{id}/claim', { params, body, ...options }),
    );
  }

  sendLogs(id: string, body: LogBatch, signal: AbortSignal): Promise<LogAnswer> {
    return this.directed(LOGS_SECONDS, signal, (options) =>
      this.client.POST('/api/v1/executions/{id}/logs', { params: { path: { id } }, body, ...options }),
    );
  }

  sendProgress(id: string, body: Progress): Promise<Directives> {
    return this.directed(PROGRESS_SECONDS, null, (options) =>
      this.client.POST('/api/v1/executions/{id}/progress', { params: { path: { id } }, body, ...options }),
    );
  }

  reportWorktrees(worktrees: readonly WorktreeReport[], signal: AbortSignal): Promise<WorktreesAnswer> {
    const params = { path: { id: this.workerId } };
    const body = { worktrees: [...worktrees] };
    return this.directed(CALL_SECONDS, signal, (options) =>
      this.client.PUT('/api/v1/workers/{id}/worktrees', { params, body, ...options }),
    );
  }

  finish(id: string, body: Finish, signal: AbortSignal): Promise<FinishAnswer> {
    return this.directed(CALL_SECONDS, signal, (options) =>
      this.client.POST('/api/v1/executions/{id}/finish', { params: { path: { id } }, body, ...options }),
    );
  }

  private get workerId(): string {
    if (this.worker === null) throw new Error('the worker is not registered yet');
    return this.worker.id;
  }

  private async directed<T extends Directives>(
    seconds: number,
    signal: AbortSignal | null,
    call: (options: { signal: AbortSignal }) => Promise<Answered<T>>,
  ): Promise<T> {
    const answer = await this.ask(seconds, signal, call);
    this.onDirectives(answer);
    return answer;
  }

  private ask<T>(
    seconds: number,
    signal: AbortSignal | null,
    call: (options: { signal: AbortSignal }) => Promise<Answered<T>>,
  ): Promise<T> {
    return askServer(call, { seconds, signal, registration: this.registration });
  }
}
