import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { GitCall, GitChild, GitProcess } from './git-process.js';

const SILENCE_MS = 120_000;

/** How long neither side may send a byte before the exchange is over. Modules may provide another. */
export class GitSilence {
  constructor(readonly ms = SILENCE_MS) {}
}

export interface Exchange {
  call: GitCall;
  content_type: string;
  /** Sent before what git says. */
  preamble?: Buffer;
  /** Given to git's input; nothing when absent. */
  body?: AsyncIterable<Buffer>;
  silence: GitSilence;
  /** Called once git has ended, however, and before the answer does. */
  onEnd?: () => Promise<void>;
}

/**
 * Streams between a client and a git process, at the pace of the slower one. The process ends with its client, and
 * after the time of silence. Throws when nothing has been answered yet; later only the connection can be ended.
 */
export async function exchange(git: GitProcess, response: Response, options: Exchange): Promise<void> {
  if (response.destroyed) return;
  const gone = new AbortController();
  const child = await git.start({ ...options.call, timeout_ms: 0 });
  const silence = setTimeout(() => child.stop('timeout'), options.silence.ms);
  const onClose = (): void => {
    gone.abort();
    if (!response.writableFinished) child.stop('aborted');
  };
  response.once('close', onClose);
  // Both may have happened while the process was being started.
  if (response.destroyed) onClose();
  try {
    const feeding = feed(child, options.body, silence);
    await answer(child, response, options, silence, gone.signal);
    const end = await child.ended;
    await options.onEnd?.();
    if (response.headersSent || response.destroyed) {
      // A cut connection says that the answer is not whole; git's own failures are told in the answer.
      if (end.stopped === null) response.end();
      else response.destroy();
      return;
    }
    if (feeding.failure !== null) throw feeding.failure;
    git.assertDone(end, options.call.args[0]);
    begin(response, options);
    response.end();
  } finally {
    clearTimeout(silence);
    response.off('close', onClose);
    child.stop('aborted');
  }
}

/** Passes the request's body on. `failure` is what made that fail, unless it was git that would read no more. */
function feed(child: GitChild, body: Exchange['body'], silence: NodeJS.Timeout): { failure: Error | null } {
  const feeding: { failure: Error | null } = { failure: null };
  if (body === undefined) {
    child.process.stdin.end();
    return feeding;
  }
  async function* watched(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of chunks) {
        silence.refresh();
        yield chunk;
      }
    } catch (error) {
      feeding.failure = error instanceof Error ? error : new Error(String(error));
      // Before its input ends: git would take that for a short pack, and answer so.
      child.stop('aborted');
      throw error;
    }
  }
  // Where git's own end of the pipe breaks, its exit code and its answer tell what there is to tell.
  pipeline(watched(body), child.process.stdin).catch(() => undefined);
  return feeding;
}

async function answer(
  child: GitChild,
  response: Response,
  options: Exchange,
  silence: NodeJS.Timeout,
  gone: AbortSignal,
): Promise<void> {
  for await (const chunk of child.process.stdout as AsyncIterable<Buffer>) {
    silence.refresh();
    if (!response.headersSent) begin(response, options);
    if (gone.aborted) continue;
    if (!response.write(chunk)) await once(response, 'drain', { signal: gone }).catch(() => undefined);
  }
}

function begin(response: Response, { content_type, preamble }: Exchange): void {
  response.status(200).setHeader('Content-Type', content_type);
  response.setHeader('Cache-Control', 'no-cache');
  if (preamble) response.write(preamble);
}
