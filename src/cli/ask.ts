import { noAnswer } from '../client/unreachable.js';
import { CommandFailed, EXIT } from './exits.js';

interface Answered<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly request_id?: string;
  readonly errors?: readonly { field: string; message: string }[];
}

const SIGN_IN = 'Sign in with `miyabi login`, or set MIYABI_API_KEY.';

/** What the server answered. Throws CommandFailed for a refusal, and when nobody answers. */
export async function ask<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await reach(call);
  if (response.ok) return data as T;
  throw refusal(response.status, error);
}

/** Throws CommandFailed when there is no answer at all. */
export async function reach<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CommandFailed || !(error instanceof TypeError)) throw error;
    const { reason, advice } = noAnswer(error);
    throw new CommandFailed(
      `The server cannot be reached: ${reason}.`,
      EXIT.unreachable,
      advice ?? 'Is the address right (--url, MIYABI_URL)? `miyabi doctor` looks at more.',
    );
  }
}

/** A refusal in words. */
export function refusal(status: number, error: unknown): CommandFailed {
  const { code, title, detail, errors = [] }: Problem = typeof error === 'object' && error !== null ? error : {};
  const what = detail ?? title ?? 'The server refused.';
  const fields = errors.map(({ message }) => `\n  ${message}`).join('');
  const message = `${what}${fields} (${[String(status), code].filter((part) => part !== undefined).join(' ')})`;
  if (status === 401) return new CommandFailed(message, EXIT.signedOut, SIGN_IN, error);
  if (status === 503 || status === 502 || status === 504)
    return new CommandFailed(message, EXIT.unreachable, 'Try again in a moment.', error);
  if (status === 404 && code === undefined)
    return new CommandFailed('There is no Miyabi server at this address (404).', EXIT.refused, null, error);
  return new CommandFailed(message, EXIT.refused, null, error);
}
