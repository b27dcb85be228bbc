import { assertAllowed } from '../auth/access.policy.js';
import type { CallersService } from '../auth/callers.service.js';
import { organizationOf } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import type { OpenStream, OpenStreams } from '../http/open-streams.service.js';
import type { StreamEnd } from '../http/stream-end.js';
import type { Connection } from '../sockets/connection.js';
import { Messages, refusalOf } from '../sockets/messages.js';
import type { EventFeeds } from './event-feeds.service.js';
import type { EventReader } from './event-reader.js';
import { AuthMessage, SubscribeMessage } from './event-socket.dto.js';

/** How long a connection may be that of nobody. */
const ANONYMOUS_MS = 10_000;
const DEMAND = 'events.read';

const messages = new Messages<AuthMessage | SubscribeMessage>({ auth: AuthMessage, subscribe: SubscribeMessage });

/** What a connection needs of the server; `known` is called when it is known whose it is. */
export interface EventSocketSurroundings {
  feeds: EventFeeds;
  streams: OpenStreams;
  callers: CallersService;
  known: () => void;
}

/** One connection on which events are followed. It says first whose it is, then what it wants. */
export class EventSocket {
  private caller: OpenStream | null = null;
  private following = new AbortController();
  /** Where a reader who comes again begins, and what of it has been said. */
  private reader: EventReader | null = null;
  private told = '';

  constructor(
    private readonly connection: Connection,
    private readonly around: EventSocketSurroundings,
  ) {}

  /** Begins with what came with the handshake. */
  begin(token: string | null): void {
    const { connection } = this;
    const anonymous = setTimeout(() => {
      if (this.caller === null) connection.end('signed-out');
    }, ANONYMOUS_MS);
    connection.closed.addEventListener('abort', () => clearTimeout(anonymous), { once: true });
    if (token !== null) void connection.inTurn(() => this.authenticate(token));
    connection.onMessage((text) => this.handle(text));
    connection.onPing(() => this.tellPosition());
  }

  private async handle(text: string | null): Promise<void> {
    const read = await messages.read(text);
    if ('refusal' in read) return this.refuse(read.refusal);
    const { message } = read;
    this.connection.understood();
    if (message instanceof AuthMessage) return this.authenticate(message.token);
    if (this.caller === null) {
      const detail = 'Say first who is calling: {"type":"auth","token":"..."}.';
      return this.refuse({ code: 'auth/no-token', detail });
    }
    return this.subscribe(this.caller, message);
  }

  /** Who is not known may say one thing wrong, and then has to come again. */
  private async refuse({ code, detail, extra }: { code: string; detail: string; extra?: object }): Promise<void> {
    await this.connection.refuse(code, detail, extra);
    if (this.caller === null) this.connection.end('signed-out');
  }

  private async authenticate(token: string): Promise<void> {
    try {
      const credential = this.around.callers.credentialOf(token);
      const principal = await credential.identify();
      assertAllowed(principal, DEMAND, null);
      this.enter({ credential, demand: DEMAND, organization_id: organizationOf(principal), end: this.end });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const { code, detail } = error;
      await this.connection.refuse(code, detail);
      // Who was known before stays so, with what they came with then.
      if (this.caller === null) this.end(ENDS[error.kind] ?? 'signed-out');
      return;
    }
    await this.connection.send(JSON.stringify({ type: 'authenticated' }));
  }

  private readonly end = (reason: StreamEnd): void => this.connection.end(reason);

  private enter(caller: OpenStream): void {
    if (this.caller === null) {
      this.around.streams.enter(caller, this.connection.closed);
      this.caller = caller;
      this.around.known();
      return;
    }
    if (this.caller.organization_id !== caller.organization_id)
      throw new DomainError('socket/other-organization', 'conflict', 'Connect anew to read another organization.');
    this.caller.credential = caller.credential;
  }

  private async subscribe({ organization_id }: OpenStream, message: SubscribeMessage): Promise<void> {
    const { id, after, types, task_id } = message;
    if (organization_id === null) return;
    this.following.abort();
    this.following = new AbortController();
    const closed = AbortSignal.any([this.following.signal, this.connection.closed]);
    const wish = {
      organization_id,
      after: after ?? null,
      types: types === undefined ? null : new Set(types),
      task_id: task_id ?? null,
    };
    try {
      this.reader = await this.around.feeds.follow(wish, closed);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const { code, detail, extra } = refusalOf(error);
      return this.connection.refuse(code, detail, { ...extra, id });
    }
    this.told = this.reader.cursor;
    await this.connection.send(JSON.stringify({ type: 'subscribed', id, after: this.told }));
    this.pump(this.reader, closed).catch((error: unknown) => this.connection.fail(error));
  }

  private async pump(reader: EventReader, closed: AbortSignal): Promise<void> {
    for (;;) {
      const batch = await reader.next();
      if (batch === null || closed.aborted) return;
      await this.connection.send(...[...batch.frames, ...batch.live].map(({ text }) => text));
    }
  }

  /** A cursor moves on also where nothing is wanted; who comes again need not pass over that once more. */
  private tellPosition(): void {
    const after = this.reader?.cursor ?? '';
    if (after === this.told) return;
    this.told = after;
    void this.connection.send(JSON.stringify({ type: 'position', after }));
  }
}

/** How a connection ends whose caller is refused. */
const ENDS: Partial<Record<DomainError['kind'], StreamEnd>> = {
  unauthenticated: 'signed-out',
  forbidden: 'forbidden',
  unavailable: 'busy',
};
