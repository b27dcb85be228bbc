import type { Server } from 'node:http';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Lifecycle } from './lifecycle.js';

const HARD_LIMIT_MS = 1500;

/**
 * Ends the process in order on SIGTERM, SIGINT or the loss of its supervisor: not ready, long answers end, idle
 * sockets close, requests in flight have `graceSeconds`, then the rest is cut and everything is closed.
 */
export function stopOnSignals(app: NestExpressApplication, graceSeconds: number): void {
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    new Logger('Shutdown').log(`stopping: ${reason}`);
    void stopInOrder(app, graceSeconds).then(
      () => process.exit(0),
      (error: unknown) => {
        new Logger('Shutdown').error(error);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
  process.once('disconnect', () => stop('the supervisor is gone'));
}

async function stopInOrder(app: NestExpressApplication, graceSeconds: number): Promise<void> {
  const server = app.getHttpServer() as Server;
  app.get(Lifecycle).stop();
  // Answers that end from now on tell their client to come back on another connection.
  server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceSeconds * 1000);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
  await withLimit(app.close());
}

/** A connection to a database that is gone must not keep the process. */
async function withLimit(closing: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, HARD_LIMIT_MS);
  });
  await Promise.race([closing, limit]);
  clearTimeout(timer);
}
