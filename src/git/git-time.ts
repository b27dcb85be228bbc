import { setMaxListeners } from 'node:events';
import { timeLeft } from '../http/answer-due.js';
import { isOutOfTime, withLimit } from '../time-limit.js';
import { GitFailed } from './git.errors.js';

/** What a request may spend with git at the most. */
const GIT_MS = 4500;
/** What is left for the answer itself when git has taken all of its time: to put it together and to send it. */
const ANSWER_MS = 700;
/** Less is not worth a beginning. */
const LEAST_MS = 100;
/** A request may have to do with several repositories. */
const MOST_MENDED = 20;

/** Mends what was found damaged, if it can; tells whether the work is worth another try. */
export type Mend = (found: GitFailed, signal: AbortSignal) => Promise<boolean>;

/**
 * Runs work with git on behalf of a caller: its signal is aborted when the caller is `gone`, and when a request has
 * waited for long enough. Throws GitFailed with the one or the other. What is damaged is mended, if somebody can, and
 * the work done once more, in the same time.
 */
export const withinGitTime = <T>(
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  mend?: Mend,
): Promise<T> => withinTime(gone, gitTime(gone), (signal) => workOrMend(work, signal, mend));

/** Runs work whose signal is aborted with `outer`, and after so long. Throws GitFailed with the one or the other. */
export async function withinTime<T>(
  outer: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withLimit(ms, outer, async (signal) => {
    // One request may have any number of gits at work.
    setMaxListeners(0, signal, outer);
    try {
      return await work(signal);
    } catch (error) {
      // Before a process was begun it is the signal's own reason that was thrown.
      const calledOff = error === signal.reason || (error instanceof GitFailed && error.reason === 'aborted');
      throw signal.aborted && calledOff ? new GitFailed(isOutOfTime(signal) ? 'timeout' : 'aborted') : error;
    }
  });
}

/** From the request's arrival on, as who is asking may have had to wait as well. */
export const gitTime = (gone: AbortSignal): number =>
  Math.round(Math.max(LEAST_MS, Math.min(GIT_MS, timeLeft(gone) - ANSWER_MS)));

async function workOrMend<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  mend: Mend | undefined,
): Promise<T> {
  for (let left = MOST_MENDED; ; left--) {
    try {
      return await work(signal);
    } catch (error) {
      const damaged = error instanceof GitFailed && error.reason === 'damaged' ? error : null;
      if (damaged === null || mend === undefined || left === 0 || !(await mend(damaged, signal))) throw error;
    }
  }
}
