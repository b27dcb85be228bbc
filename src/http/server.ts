import { createServer, type Server } from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { HttpConfig } from '../config/http.config.js';

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
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
        headersTimeout: this.config.headers_timeout_seconds * 1000,
        requestTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      this.getInstance(),
    );
    server.maxConnections = this.config.max_connections;
    this.httpServer = server;
  }
}
