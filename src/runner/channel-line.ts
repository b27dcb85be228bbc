import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ChannelClosed, WorkerChannelClient, type Push } from '../client/worker-channel-client.js';
import { backoff } from './patience.js';

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
/** A server that knows no channel may be replaced by one that does. */
const UNKNOWN_MS = 10 * 60_000;
/** A connection that lasted this long was a good one. */
const SETTLED_MS = 60_000;

/** Codes and statuses that say that it is the token. Requests learn the same, and then there is a new one. */
const TOKEN_REFUSED = new Set([401, 403, 4401, 4403]);

export interface LineParts {
  readonly url: string;
  readonly log: Logger;
  /** Told what the server says by itself. */
  readonly onPush: (push: Push) => void;
  /** Closes the line for good. */
  readonly signal: AbortSignal;
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Keeps a channel open, in the background: whoever needs the server now does not wait for it. */
export class ChannelLine {
  private channel: WorkerChannelClient | null = null;
  private replacing = new AbortController();

  constructor(private readonly parts: LineParts) {
    parts.signal.addEventListener('abort', () => this.replacing.abort());
  }

  /** The channel, while it is open. */
  get current(): WorkerChannelClient | null {
    return this.channel?.isOpen === true ? this.channel : null;
  }

  /** From now on the channel is that of this token. */
  connect(token: string): void {
    this.replacing.abort();
    if (this.parts.signal.aborted) return;
    this.replacing = new AbortController();
    void this.keep(token, this.replacing.signal);
  }

  private async keep(token: string, signal: AbortSignal): Promise<void> {
    const { pause = quietPause } = this.parts;
    for (let tries = 0; !signal.aborted; tries++) {
      const beganAt = performance.now();
      const end = await this.hold(token, signal);
      if (performance.now() - beganAt >= SETTLED_MS) tries = 0;
      if (!signal.aborted) await pause(waitMs(end, tries), signal).catch(() => undefined);
    }
  }

  /** Opens a channel and waits for its end. */
  private async hold(token: string, signal: AbortSignal): Promise<ChannelClosed> {
    const { url, log, onPush } = this.parts;
    try {
      const channel = await WorkerChannelClient.open({ url, token, signal, onPush });
      this.channel = channel;
      log.info('the channel to the server is open');
      const end = await channel.closed;
      if (!signal.aborted) log.info({ code: end.code, reason: end.message }, 'going on by requests');
      return end;
    } catch (error) {
      const end = error instanceof ChannelClosed ? error : new ChannelClosed(1006, String(error));
      log.debug({ code: end.code, status: end.status, reason: end.message }, 'no channel to the server');
      return end;
    }
  }
}

function waitMs({ code, status }: ChannelClosed, tries: number): number {
  if (TOKEN_REFUSED.has(status ?? code)) return LONGEST_MS;
  // Anything else than being busy or away: there is no channel here, or something on the way knows no WebSockets.
  const isUnknown = status !== null && (status < 500 ? ![408, 425, 429].includes(status) : status === 501);
  return isUnknown ? UNKNOWN_MS * (1 + Math.random() / 10) : backoff(tries, { first: FIRST_MS, longest: LONGEST_MS });
}

/** Does not keep the process alive. */
const quietPause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal, ref: false });
