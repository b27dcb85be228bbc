import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Lifecycle } from './lifecycle.js';

const HARD_LIMIT_MS = 1500;
const SWEEP_MS = 50;
/** How long a connection that has never said anything may still ask whether the process is ready. */
const SILENT_MS = 1000;

/**
 * Ends the process in order on SIGTERM, SIGINT or the loss of its supervisor: not ready, long answers end, idle
 * sockets close, requests in flight have `graceSeconds`, then the rest is cut and everything is closed. Call it before
 * the server listens. A second signal changes nothing.
 */
export function stopOnSignals(app: NestExpressApplication, graceSeconds: number): void {
  const traffic = new Traffic(app.getHttpServer() as Server);
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    new Logger('Shutdown').log(`stopping: ${reason}`);
    void stopInOrder(app, traffic, graceSeconds).then(
      () => process.exit(0),
      (error: unknown) => {
        new Logger('Shutdown').error(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('the supervisor is gone'));
}

async function stopInOrder(app: NestExpressApplication, traffic: Traffic, graceSeconds: number): Promise<void> {
  app.get(Lifecycle).stop();
  await traffic.end(graceSeconds * 1000);
  await withLimit(app.close());
}

/** The connections of a server, and the answers it still owes. */
class Traffic {
  private readonly sockets = new Set<Socket>();
  private readonly owed = new Set<ServerResponse>();
  private ending = false;

  constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.prependListener('request', (_request, response) => {
      if (this.ending) response.setHeader('Connection', 'close');
      this.owed.add(response);
      response.once('close', () => this.owed.delete(response));
    });
  }

  /** Resolves when no connection is left; the last ones are cut after `graceMs`. */
  async end(graceMs: number): Promise<void> {
    this.ending = true;
    // Answers tell their client from now on to come back on another connection.
    for (const response of this.owed) if (!response.headersSent) response.setHeader('Connection', 'close');
    // Not as HTTP does it, which cuts at once what it takes for idle.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.server, () => resolve()));
    const sweep = setInterval(() => this.endIdle(), SWEEP_MS);
    const silent = setTimeout(() => this.endSilent(), Math.min(SILENT_MS, graceMs));
    const cut = setTimeout(() => this.cut(), graceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(silent);
    clearTimeout(cut);
  }

  /** Node takes a connection for idle whose last answer is written, but has not been taken by the client yet. */
  private endIdle(): void {
    const isUnderWay = [...this.owed].some((response) => response.writableEnded && !response.writableFinished);
    if (!isUnderWay) this.server.closeIdleConnections();
  }

  /** Those that have become WebSockets are not the HTTP server's any more. */
  private cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private endSilent(): void {
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
  }
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
