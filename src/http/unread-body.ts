import type { IncomingMessage } from 'node:http';
import type { Response } from 'express';

const LINGER_MS = 2000;

/**
 * Sends an answer whose request may still be arriving. A connection that is closed with unread bytes is reset, which
 * can cost the client the answer; so it is complete at once, and its end waits a moment for that of the request.
 */
export function sendBeforeBodyEnds(response: Response, bytes: Buffer): void {
  const request: IncomingMessage = response.req;
  if (request.complete || !hasBody(request) || request.readableEnded || isSilent(response)) {
    response.send(bytes);
    return;
  }
  response.setHeader('Content-Length', bytes.length);
  response.write(bytes);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
    // Whoever still sends after that has been told, and would otherwise hold the connection as long as it likes.
    if (!request.complete) request.socket.destroySoon();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end).once('close', end).resume();
}

/** Whether a body was announced. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** A body that did not come in time is not waited for any longer. */
const isSilent = (response: Response): boolean => response.statusCode === 408;
