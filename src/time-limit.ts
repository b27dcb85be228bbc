/**
 * Has work done with a signal that is aborted once `outer` is, with its reason, and after a time with a TimeoutError.
 * Held by its timer: Node collects an AbortSignal.timeout that nobody else has, and it never comes. Nor is it
 * AbortSignal.any, with which on Node 20 a long-lived signal collects one dead listener for each call.
 */
export async function withLimit<T>(
  milliseconds: number,
  outer: AbortSignal | null,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new DOMException('The time is over.', 'TimeoutError')), milliseconds);
  const leave = (): void => ending.abort(outer?.reason);
  outer?.addEventListener('abort', leave, { once: true });
  if (outer?.aborted === true) leave();
  try {
    return await work(ending.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', leave);
  }
}

/** Whether a signal of `withLimit` was aborted because of the time, not by the outer one. */
export const isOutOfTime = ({ reason }: AbortSignal): boolean =>
  reason instanceof DOMException && reason.name === 'TimeoutError';
