import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Access } from '../auth/access.js';
import { assertAllowed } from '../auth/access.policy.js';
import { CallersService } from '../auth/callers.service.js';
import type { Credential } from '../auth/credential.js';
import { StreamsConfig } from '../config/streams.config.js';
import { DomainError } from '../domain-error.js';
import { EventStream } from './event-stream.js';
import { Lifecycle } from './lifecycle.js';
import { Stopping, TooManyStreams, type StreamEnd } from './stream-end.js';

const CHECK_MS = 2000;

/** Something that goes on as long as its caller may have it. */
export interface OpenStream {
  credential: Credential;
  demand: Exclude<Access, 'public'>;
  /** The organization that is read; null for workers of the instance. */
  organization_id: string | null;
  end(reason: StreamEnd): void;
}

/**
 * All that goes on in this process: streams and sockets. Each caller is asked for again every two seconds, all with one
 * look, so that a sign-out anywhere ends what is open everywhere. When the process stops, each is told so.
 */
@Injectable()
export class OpenStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(OpenStreams.name);
  private readonly open = new Set<OpenStream>();
  private checking: NodeJS.Timeout | null = null;

  constructor(
    private readonly callers: CallersService,
    private readonly config: StreamsConfig,
    private readonly lifecycle: Lifecycle,
  ) {}

  onApplicationBootstrap(): void {
    this.lifecycle.stopping.addEventListener('abort', () => this.endAll());
  }

  beforeApplicationShutdown(): void {
    this.endAll();
  }

  /**
   * Takes a stream in until it is closed. One that was closed while it was found out whose it is does not come in: nobody
   * would ever hear of its end. Throws TooManyStreams or Stopping.
   */
  enter(stream: OpenStream, closed: AbortSignal): void {
    if (closed.aborted) return;
    this.assertRoom();
    this.open.add(stream);
    closed.addEventListener('abort', () => this.open.delete(stream), { once: true });
    this.checkLater();
  }

  /** Begins an answer of server-sent events to the caller of the request. Throws TooManyStreams or Stopping. */
  serve(
    request: Request,
    response: Response,
    { demand, organization_id, position }: Pick<OpenStream, 'demand' | 'organization_id'> & { position: () => string },
  ): EventStream {
    const credential = this.callers.credentialOfHeader(request.headers.authorization);
    this.assertRoom();
    const { ping_seconds, slow_seconds } = this.config;
    const stream = EventStream.open(request, response, { ping_seconds, slow_seconds, position });
    this.enter({ credential, demand, organization_id, end: (reason) => stream.end(reason) }, stream.closed);
    return stream;
  }

  get count(): number {
    return this.open.size;
  }

  /** Throws unless one more may begin. */
  assertRoom(): void {
    if (this.lifecycle.stopping.aborted) throw new Stopping();
    if (this.open.size >= this.config.max_streams) throw new TooManyStreams();
  }

  private endAll(): void {
    if (this.checking) clearTimeout(this.checking);
    this.checking = null;
    for (const stream of [...this.open]) stream.end('shutdown');
  }

  /** One look follows the other, however long one takes; none while nothing is open. */
  private checkLater(): void {
    if (this.lifecycle.stopping.aborted) return;
    this.checking ??= setTimeout(() => {
      void this.checkAll().finally(() => {
        this.checking = null;
        if (this.open.size > 0) this.checkLater();
      });
    }, CHECK_MS);
  }

  private async checkAll(): Promise<void> {
    await Promise.all([...this.open].map((stream) => this.check(stream)));
  }

  private async check(stream: OpenStream): Promise<void> {
    const { credential } = stream;
    try {
      if (await credential.stands()) return;
      const principal = await credential.identify();
      assertAllowed(principal, stream.demand, null);
      if (principal.organization_id !== stream.organization_id) stream.end('signed-out');
    } catch (error) {
      // Meanwhile it may have come with another one.
      if (credential !== stream.credential) return;
      const kind = error instanceof DomainError ? error.kind : null;
      if (kind === 'unauthenticated') stream.end('signed-out');
      else if (kind === 'forbidden') stream.end('forbidden');
      // Who cannot be asked for just now is asked for again.
      else this.logger.debug({ err: error }, 'a caller could not be looked up');
    }
  }
}
