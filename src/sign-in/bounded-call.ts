import { parse } from 'lossless-json';
import { SignInFailed, type SignInFailure } from './github.errors.js';

/** No honest answer to what we ask is nearly as large. */
const MOST_BYTES = 256 * 1024;

export interface BoundedCall {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: URLSearchParams;
  /** Ends the call, the reading of its body included. */
  deadline: AbortSignal;
}

/** The status of an answer, and its JSON with numbers to the letter (LosslessNumber). */
export interface BoundedAnswer {
  status: number;
  value: unknown;
}

/**
 * Calls an address that may answer anything, or never: within the deadline, within 256 KiB, without following
 * redirects. Throws SignInFailed unless there is JSON, in an answer of 200 or a status in `alsoFine` (there `value` is
 * null).
 */
export async function callBounded(
  url: string,
  { deadline, ...call }: BoundedCall,
  alsoFine: readonly number[] = [],
): Promise<BoundedAnswer> {
  const { status, text } = await read(url, call, deadline);
  if (alsoFine.includes(status)) return { status, value: null };
  if (status !== 200) throw new SignInFailed(failureOf(status), `GitHub answered with the status ${String(status)}`);
  return { status, value: parsed(text) };
}

async function read(url: string, call: RequestInit, deadline: AbortSignal): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { ...call, redirect: 'manual', signal: deadline });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += (chunk as Uint8Array).byteLength;
      // Leaving the loop ends the connection.
      if (bytes > MOST_BYTES) throw new SignInFailed('github_malformed', 'GitHub answered with too much');
      chunks.push(chunk as Uint8Array);
    }
    return { status: response.status, text: Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    if (error instanceof SignInFailed) throw error;
    const reason = deadline.aborted ? 'did not answer in time' : 'could not be reached';
    throw new SignInFailed('github_unavailable', `GitHub ${reason}`, { cause: error });
  }
}

function failureOf(status: number): SignInFailure {
  if (status >= 500) return 'github_unavailable';
  return status >= 400 ? 'github_refused' : 'github_malformed';
}

/** Nesting beyond what the stack can hold is a RangeError of the parser, caught like any other fault of the text. */
function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    // The parser quotes the text, in which there may be a token.
    throw new SignInFailed('github_malformed', 'GitHub answered with something else than JSON');
  }
}
