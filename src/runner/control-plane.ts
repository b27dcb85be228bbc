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

/**
 * The server as a worker sees it. Every call rejects with Refused (the server said no), Unavailable (it did not answer, or
 * could not), or the reason of the caller's own signal.
 */
export interface ControlPlane {
  /** Registers with the registration key; later calls use the token this answers. */
  register(registration: WorkerRegistration, signal: AbortSignal): Promise<Registration>;
  heartbeat(heartbeat: Heartbeat): Promise<HeartbeatAnswer>;
  /** A long poll. */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<ClaimAnswer>;
  sendLogs(executionId: string, batch: LogBatch, signal: AbortSignal): Promise<LogAnswer>;
  sendProgress(executionId: string, progress: Progress): Promise<Directives>;
  /** Tells which checkouts there are, all of them. */
  reportWorktrees(worktrees: readonly WorktreeReport[], signal: AbortSignal): Promise<WorktreesAnswer>;
  finish(executionId: string, finish: Finish, signal: AbortSignal): Promise<FinishAnswer>;
  /** The worker's present token, for git over HTTP. */
  readonly token: string;
  /** Counts registrations, so that a call that failed under an earlier token is told from one under the present token. */
  readonly registration: number;
}

/** An answer of the server that asking again does not change. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    /** The problem's stable code, e.g. `execution/lease-lost`; empty when the answer was no problem document. */
    readonly code: string,
    readonly detail: string,
    readonly problem: Readonly<Record<string, unknown>>,
    /** Which registration the call was made under; one made under an earlier token says nothing about the present one. */
    readonly registration: number,
  ) {
    super(`${String(status)} ${code} ${detail}`.trim());
    this.name = 'Refused';
  }
}

/** The server is away, overloaded or starting: the same call may succeed later. */
export class Unavailable extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
    this.name = 'Unavailable';
  }
}

/** What a problem of the server is to a worker: a refusal, or a server that is full or busy and can be asked again. */
export function failureOf(
  status: number,
  problem: Readonly<Record<string, unknown>>,
  { registration, retryAfter = null, otherwise = '' }: FailureFacts,
): Refused | Unavailable {
  const detail = text(problem['detail']) || text(problem['title']) || otherwise;
  if (status >= 500 || [408, 425, 429].includes(status))
    return new Unavailable(`${String(status)} ${detail}`, retryAfter);
  return new Refused(status, text(problem['code']), detail, problem, registration);
}

interface FailureFacts {
  /** What the call was made under. */
  readonly registration: number;
  readonly retryAfter?: number | null;
  /** What to say where the problem says nothing. */
  readonly otherwise?: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
