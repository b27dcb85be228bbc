import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { Bell } from '../events/bell.js';
import { HintsService } from '../events/hints.service.js';
import type { StreamEnd } from '../http/stream-end.js';
import { executionTopic } from '../queue/leases.service.js';
import type { LogsInput } from './executions.input.js';
import { ExecutionsService, type LogPart } from './executions.service.js';
import type { LogRow } from './executions.store.js';

/** How often a reader looks by itself: hints may be lost, but few are. */
const SLOW_POLL_MS = 5000;
/** Entries that are read at once: many of those that are short, few of those that are long, which may be 64 KiB each. */
const LARGEST_PAGE = 200;
const SMALLEST_PAGE = 10;
const PAGE_CHARACTERS = 256 * 1024;

/** Where entries go. */
export interface LogSink {
  readonly closed: AbortSignal;
  send(rows: readonly LogRow[]): Promise<void>;
}

/** Reading a log as it grows. */
@Injectable()
export class LogStreams {
  private readonly logger = new Logger(LogStreams.name);

  constructor(
    private readonly executions: ExecutionsService,
    private readonly hints: HintsService,
  ) {}

  /** Begins to follow a log. Throws ExecutionNotFound. */
  async follow(principal: Principal, id: string, input: LogsInput): Promise<LogFollower> {
    await this.executions.find(principal, id);
    const look = (place: Pick<LogsInput, 'after' | 'tail' | 'limit'>) =>
      this.executions.logs(principal, id, { ...input, ...place });
    return new LogFollower(
      look,
      input,
      (closed) => new Bell([closed]).hear(this.hints, [executionTopic(id)]),
      this.logger,
    );
  }
}

/** One reader of a log: stored entries first, then those that come, each once. */
export class LogFollower {
  /** Number of the last entry that was sent or is not wanted. */
  private after: number;
  private tail: number | undefined;
  private limit = SMALLEST_PAGE;

  constructor(
    private readonly look: (place: Pick<LogsInput, 'after' | 'tail' | 'limit'>) => Promise<LogPart>,
    { after, tail }: LogsInput,
    private readonly bellUntil: (closed: AbortSignal) => Bell,
    private readonly logger: Logger,
  ) {
    this.after = after;
    this.tail = tail;
  }

  /** What a reader who comes again names; empty before the first entry. */
  get position(): string {
    return this.after < 0 ? '' : String(this.after);
  }

  /** Sends entries until the execution has ended and all was sent. Null when the reader has gone before. */
  async sendTo(sink: LogSink): Promise<StreamEnd | null> {
    const bell = this.bellUntil(sink.closed);
    try {
      while (!bell.over) {
        bell.reset();
        const part = await this.lookOnce();
        if (part === 'gone') return 'removed';
        if (part === null) {
          await bell.rung(SLOW_POLL_MS);
          continue;
        }
        const full = part.rows.length >= this.limit;
        await this.send(part, sink);
        if (part.complete) return part.removed ? 'removed' : 'finished';
        if (!full) await bell.rung(SLOW_POLL_MS * (0.9 + Math.random() * 0.2));
      }
      return null;
    } finally {
      bell.close();
    }
  }

  private async send({ rows, next_after }: LogPart, sink: LogSink): Promise<void> {
    if (rows.length > 0) await sink.send(rows);
    this.after = next_after;
    this.tail = undefined;
    const characters = rows.reduce((sum, { message }) => sum + message.length, 1);
    const fitting = Math.floor((PAGE_CHARACTERS * rows.length) / characters);
    this.limit = Math.min(Math.max(fitting, SMALLEST_PAGE), LARGEST_PAGE);
  }

  /** Null when it cannot be done just now; `gone` when the task was deleted with all that belongs to it. */
  private async lookOnce(): Promise<LogPart | 'gone' | null> {
    const { after, tail, limit } = this;
    try {
      return await this.look({ after, tail, limit });
    } catch (error) {
      const kind = error instanceof DomainError ? error.kind : null;
      if (kind === 'missing') return 'gone';
      this.logger[kind === 'unavailable' ? 'debug' : 'error']({ err: error }, 'a log could not be read');
      return null;
    }
  }
}
