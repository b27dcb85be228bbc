import { setMaxListeners } from 'node:events';
import { GitFailed } from './git.errors.js';

/** What a request may spend with git; its answer is due half a second later. */
const GIT_MS = 4500;

/**
 * Runs work with git on behalf of a caller: its signal is aborted when the caller is `gone`, and when a request has
 * waited for long enough. Throws GitFailed with the one or the other.
 */
export async function withinGitTime<T>(gone: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.any([gone, AbortSignal.timeout(GIT_MS)]);
  // One request may have any number of gits at work.
  setMaxListeners(0, signal);
  try {
    return await work(signal);
  } catch (error) {
    // Before a process was begun it is the signal's own reason that was thrown.
    const calledOff = error === signal.reason || (error instanceof GitFailed && error.reason === 'aborted');
    throw signal.aborted && calledOff ? new GitFailed(isOutOfTime(signal) ? 'timeout' : 'aborted') : error;
  }
}

/** Whether a signal of `withinGitTime` was aborted because of the time, not because of the caller. */
export const isOutOfTime = ({ reason }: AbortSignal): boolean =>
  reason instanceof DOMException && reason.name === 'TimeoutError';
