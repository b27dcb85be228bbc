import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { PROBLEM_JSON, RETRY_AFTER_SECONDS, type Problem } from './problem.js';

/** Answers with a problem on a socket that has no answer of its own, and closes it. */
export function refuseOnSocket(socket: Duplex, answer: Problem): void {
  const body = JSON.stringify(answer);
  socket.end(
    [
      `HTTP/1.1 ${String(answer.status)} ${STATUS_CODES[answer.status] ?? ''}`,
      `Content-Type: ${PROBLEM_JSON}`,
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Request-Id: ${answer.request_id}`,
      ...(answer.status === 503 ? [`Retry-After: ${RETRY_AFTER_SECONDS}`] : []),
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}
