import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, Unavailable } from './control-plane.js';

const FIRST_MS = 200;
const LONGEST_MS = 5000;

/** Waits, or rejects with the signal's reason. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Milliseconds before try number `tries + 1`: doubling, with jitter so that a fleet does not return in step. */
export const backoff = (tries: number, { first, longest } = { first: FIRST_MS, longest: LONGEST_MS }): number =>
  Math.min(longest, first * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2);

export interface Patience {
  readonly signal: AbortSignal;
  /** Told before the first wait, and now and then after it. */
  readonly onWait: (error: Unavailable, tries: number) => void;
  /** Gets a new token when the present one is no longer accepted. */
  readonly renew: (refused: Refused) => Promise<void>;
}

/** Asks until the server answers, whatever time it takes; only a refusal or the signal ends it without an answer. */
export async function untilAnswered<T>(ask: () => Promise<T>, patience: Patience): Promise<T> {
  for (let tries = 0; ; tries++) {
    patience.signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      patience.signal.throwIfAborted();
      if (error instanceof Refused && error.status === 401) {
        await patience.renew(error);
      } else if (error instanceof Unavailable) {
        if (tries === 0 || tries % 20 === 19) patience.onWait(error, tries);
      } else throw error;
      const asked = error instanceof Unavailable ? error.retryAfterSeconds : null;
      // The server's wish counts, but a restarted server must not stay unused for long.
      await pause(Math.max(backoff(tries), Math.min((asked ?? 0) * 1000, LONGEST_MS)), patience.signal);
    }
  }
}
