import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { HttpConfig } from '../config/http.config.js';
import { problem } from './problem.js';
import { refuseOnSocket } from './refuse-on-socket.js';

const CHECK_INTERVAL_MS = 2000;
const KEEP_ALIVE_MS = 65_000;

/**
 * Express on a server with limits of its own. Node's limit for whole requests is off because git pushes may be
 * long; JSON bodies are timed by `json-body.ts`.
 */
export class BoundedExpressAdapter extends ExpressAdapter {
  constructor(private readonly config: HttpConfig) {
    super();
  }

  override initHttpServer(): void {
    const server: Server = createServer(
      {
        connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, this.config.headers_timeout_seconds * 1000),
        headersTimeout: this.config.headers_timeout_seconds * 1000,
        requestTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // Refused by `request-target.ts`, with a problem.
        requireHostHeader: false,
      },
      this.getInstance(),
    );
    server.maxConnections = this.config.max_connections;
    server.on('clientError', refuseUnreadable);
    // RFC 9110 §10.1.1 leaves it to the server whether it minds an expectation that it does not know.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    this.httpServer = server;
  }
}

/** What Node's parser refuses before there is a request, by its code: status, code and detail of the answer. */
const REFUSALS: Readonly<Record<string, [status: number, code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'request/headers-too-large', 'Address and headers may have 16 KiB together.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'request/too-large', 'The extensions of the chunks are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request/too-slow', 'The headers did not arrive in time.'],
};
const MALFORMED: [number, string, string] = [400, 'request/malformed', 'This is not HTTP/1.1.'];

/** Answers on the bare socket, as there is no request to answer. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  // A client that is gone, or one in the middle of an answer, which another would garble.
  const answering = (socket as Duplex & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent;
  if (!socket.writable || error.code === 'ECONNRESET' || answering) {
    socket.destroy(error);
    return;
  }
  const [status, code, detail] = REFUSALS[error.code ?? ''] ?? MALFORMED;
  refuseOnSocket(socket, problem(status, code, detail, randomUUID()));
}
