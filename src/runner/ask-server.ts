import { noAnswerInOne } from '../client/unreachable.js';
import { withLimit } from '../time-limit.js';
import { failureOf, Refused, Unavailable } from './control-plane.js';

/** What the generated client answers. */
export interface Answered<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

export interface AskOptions {
  /** How long the answer is waited for. */
  readonly seconds: number;
  readonly signal: AbortSignal | null;
  /** Under which registration it is asked, for refusals. */
  readonly registration: number;
}

/** The answer to a call. Rejects with Refused, Unavailable, or the reason of the signal. */
export async function askServer<T>(
  call: (options: { signal: AbortSignal }) => Promise<Answered<T>>,
  { seconds, signal, registration }: AskOptions,
): Promise<T> {
  signal?.throwIfAborted();
  return withLimit(seconds * 1000, signal, async (ending) => {
    try {
      return answerOf(await call({ signal: ending }), registration);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Refused || error instanceof Unavailable) throw error;
      throw new Unavailable(ending.aborted ? `no answer within ${String(seconds)} s` : noAnswerInOne(error));
    }
  });
}

function answerOf<T>({ data, error, response }: Answered<T>, registration: number): T {
  if (response.ok && data !== undefined) return data;
  const problem: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {};
  const { status, statusText } = response;
  // A success without a body is as good as no answer.
  if (response.ok) throw new Unavailable(`${String(status)} ${statusText}`);
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  throw failureOf(status, problem, { registration, retryAfter, otherwise: statusText });
}
