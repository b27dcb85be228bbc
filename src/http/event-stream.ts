import type { Request, Response } from 'express';
import type { StreamEnd } from './stream-end.js';

/** How long the client is asked to wait before it comes again. */
const RETRY_MS = 2000;
/** How long a client may take for the last words. */
const GOODBYE_MS = 2000;

export interface EventStreamOptions {
  ping_seconds: number;
  slow_seconds: number;
  /** The id that a reader who comes again should name now; it may move without an event. */
  position: () => string;
}

/**
 * An answer of server-sent events (HTML Standard §9.2). Whoever writes waits until what was written is taken: nothing is
 * queued here but that. A client that takes nothing for long is let go.
 */
export class EventStream {
  private readonly over = new AbortController();
  private readonly pinging: NodeJS.Timeout;
  private told: string;

  private constructor(
    private readonly response: Response,
    private readonly options: EventStreamOptions,
  ) {
    this.told = options.position();
    this.pinging = setInterval(() => this.ping(), options.ping_seconds * 1000);
    response.once('close', () => this.stop());
  }

  /** Begins the answer. A reader who loses it before the first event comes again with the id given here. */
  static open(request: Request, response: Response, options: EventStreamOptions): EventStream {
    response.statusCode = 200;
    response.setHeader('Content-Type', 'text/event-stream');
    response.setHeader('Cache-Control', 'no-store, no-transform');
    // For nginx, which would hold it back.
    response.setHeader('X-Accel-Buffering', 'no');
    const stream = new EventStream(response, options);
    // The client may have gone while it was found out who it is.
    if (response.destroyed || request.method === 'HEAD') stream.finish('');
    else response.write(`retry: ${String(RETRY_MS)}\n${idField(stream.told)}\n`);
    return stream;
  }

  /** Aborted when the client has gone or the last event was written. */
  get closed(): AbortSignal {
    return this.over.signal;
  }

  /** Writes events, and resolves when the client is ready for more, or gone. */
  async send(bytes: Buffer | string): Promise<void> {
    if (this.closed.aborted || this.response.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const slow = setTimeout(() => this.end('slow'), this.options.slow_seconds * 1000);
      const done = (): void => {
        clearTimeout(slow);
        this.response.off('drain', done);
        this.closed.removeEventListener('abort', done);
        resolve();
      };
      this.response.once('drain', done);
      this.closed.addEventListener('abort', done);
    });
  }

  /** Says why as the last event, and ends the answer. */
  end(reason: StreamEnd): void {
    this.finish(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
  }

  private finish(last: string): void {
    if (this.closed.aborted) return;
    this.stop();
    this.response.end(last);
    const cut = setTimeout(() => this.response.destroy(), GOODBYE_MS);
    this.response.once('close', () => clearTimeout(cut));
  }

  /** Nothing is added to what a client has not taken yet. */
  private ping(): void {
    if (this.response.writableNeedDrain) return;
    const position = this.options.position();
    const moved = position === this.told ? '' : idField(position);
    this.told = position;
    this.response.write(`: ping\n${moved}\n`);
  }

  private stop(): void {
    clearInterval(this.pinging);
    this.over.abort();
  }
}

/** An id without data makes no event, but is what the client comes again with. */
const idField = (id: string): string => (id === '' ? '' : `id: ${id}\n`);
