import { Logger } from '@nestjs/common';
import type { RawData, WebSocket } from 'ws';
import type { StreamsConfig } from '../config/streams.config.js';
import type { StreamEnd } from '../http/stream-end.js';
import type { Rounds } from './rounds.js';

/** How long the other side may take to close as well. */
const GOODBYE_MS = 2000;
/** Messages that could not be understood, beyond which there is no use in going on. */
const MOST_ERRORS = 10;

/** Codes of RFC 6455 §7.4; those from 4000 on are our own, after the status that HTTP would answer. */
const CLOSE_CODES: Readonly<Record<StreamEnd, number>> = {
  shutdown: 1001,
  finished: 1000,
  removed: 1000,
  'signed-out': 4401,
  forbidden: 4403,
  slow: 4408,
  busy: 1013,
};
const ABUSE = 1008;
const FAULT = 1011;

/**
 * One WebSocket. Messages are handled one after the other; whoever sends waits until what was sent is taken, so that
 * nothing is queued here. A peer that has said nothing for long is asked for a sign of life by a ping; one that does not
 * answer it, or takes nothing for long, is let go.
 */
export class Connection {
  private readonly logger = new Logger(Connection.name);
  private readonly over = new AbortController();
  private handling: Promise<void> = Promise.resolve();
  private isAlive = true;
  private hasSpoken = false;
  private errors = 0;
  private blocked = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly config: StreamsConfig,
    private readonly pings: Rounds,
  ) {
    this.onPing(() => this.ping());
    socket.on('pong', () => (this.isAlive = true));
    // What is wrong with it is said by the close that follows.
    socket.on('error', () => undefined);
    socket.once('close', () => this.over.abort());
    if (socket.readyState !== socket.OPEN) this.over.abort();
  }

  /** Aborted when the connection is closed, or about to be. */
  get closed(): AbortSignal {
    return this.over.signal;
  }

  /** Calls `handle` with each message, null for one that is not text; the next is not read before that is done. */
  onMessage(handle: (text: string | null) => Promise<void>): void {
    this.socket.on('message', (data: RawData, isBinary) => {
      this.hasSpoken = true;
      this.socket.pause();
      const text = isBinary ? null : textOf(data);
      void this.inTurn(() => handle(text)).then(() => this.socket.resume());
    });
  }

  /** Does something behind the messages that are being handled, and before those that come. */
  inTurn(work: () => Promise<void>): Promise<void> {
    this.handling = this.handling.then(async () => {
      if (this.closed.aborted) return;
      try {
        await work();
      } catch (error) {
        this.fail(error);
      }
    });
    return this.handling;
  }

  /** Closes for a fault of the server. */
  fail(error: unknown): void {
    this.logger.error(error);
    this.close(FAULT, 'a fault of the server');
  }

  /** Calls `tell` as often as there may be a ping; not while the peer is busy taking what was sent before. */
  onPing(tell: () => void): void {
    const leave = this.pings.join(() => {
      if (this.blocked === 0) tell();
    });
    this.closed.addEventListener('abort', leave, { once: true });
  }

  /** Sends messages, and resolves when the peer has taken the last of them, or is gone. */
  async send(...messages: string[]): Promise<void> {
    const last = messages.pop();
    if (last === undefined || this.closed.aborted) return;
    for (const message of messages) this.socket.send(message, () => undefined);
    this.blocked += 1;
    await new Promise<void>((resolve) => {
      const slow = setTimeout(() => this.end('slow'), this.config.slow_seconds * 1000);
      const done = (): void => {
        clearTimeout(slow);
        this.closed.removeEventListener('abort', done);
        resolve();
      };
      this.closed.addEventListener('abort', done);
      this.socket.send(last, done);
    });
    this.blocked -= 1;
  }

  /** Whoever is understood in between has not sent nothing but nonsense. */
  understood(): void {
    this.errors = 0;
  }

  /** Answers a message that cannot be taken. Who sends nothing else is let go. */
  async refuse(code: string, detail: string, extra: object = {}): Promise<void> {
    await this.send(JSON.stringify({ type: 'error', code, detail, ...extra }));
    this.errors += 1;
    if (this.errors >= MOST_ERRORS) this.close(ABUSE, 'too many errors');
  }

  /** Says why as the last message, and closes. */
  end(reason: StreamEnd): void {
    if (this.closed.aborted) return;
    this.socket.send(JSON.stringify({ type: 'end', reason }), () => undefined);
    this.close(CLOSE_CODES[reason], reason);
  }

  /** Ends the connection at once. */
  cut(): void {
    this.over.abort();
    this.socket.terminate();
  }

  private close(code: number, reason: string): void {
    this.over.abort();
    this.socket.close(code, reason);
    const timer = setTimeout(() => this.socket.terminate(), GOODBYE_MS);
    this.socket.once('close', () => clearTimeout(timer));
  }

  private ping(): void {
    if (this.hasSpoken) {
      this.hasSpoken = false;
      this.isAlive = true;
    } else if (this.isAlive) {
      this.isAlive = false;
      this.socket.ping(() => undefined);
    } else this.cut();
  }
}

/** ws gives text as a Buffer, unless it is told otherwise. */
const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer)).toString('utf8');
