import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer, type WebSocket } from 'ws';
import { HttpConfig } from '../config/http.config.js';
import { StreamsConfig } from '../config/streams.config.js';
import { DomainError } from '../domain-error.js';
import { Addresses } from '../http/addresses.js';
import { Lifecycle } from '../http/lifecycle.js';
import { problem, problemOf, type Problem } from '../http/problem.js';
import { refuseOnSocket } from '../http/refuse-on-socket.js';
import { chooseRequestId } from '../http/request-id.js';
import { faultOf } from '../http/request-target.js';
import { foreignHost, isKnownHost } from '../http/security.js';
import { Stopping } from '../http/stream-end.js';
import { Connection } from './connection.js';
import { Rounds } from './rounds.js';
import { bearerOf } from './subprotocols.js';

/** A path at which connections may become WebSockets. */
export interface SocketRoute {
  path: string;
  /** The one subprotocol that is spoken there. */
  protocol: string;
  /** Bytes of the largest message. */
  max_payload: number;
  /** Throws a DomainError when there is no room for another one. */
  admit(): void;
  /** Takes a connection over; `token` is what came with it, in a subprotocol or a header, null if nothing did. */
  accept(connection: Connection, token: string | null): void;
}

/**
 * Connections that become WebSockets (RFC 6455): features say at which paths. The checks before that are those of every
 * request: one Host that is ours, and a browser's page must be ours as well.
 */
@Injectable()
export class Upgrades implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly routes = new Map<string, { route: SocketRoute; sockets: WebSocketServer }>();
  private readonly connections = new Set<Connection>();
  private readonly pings: Rounds;

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly http: HttpConfig,
    private readonly streams: StreamsConfig,
    private readonly addresses: Addresses,
    private readonly lifecycle: Lifecycle,
  ) {
    this.pings = new Rounds(streams.ping_seconds * 1000);
  }

  /** Opens a path. To be called before the server listens. */
  serve(route: SocketRoute): void {
    const sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Its memory for each connection is worth more than its savings.
      perMessageDeflate: false,
      maxPayload: route.max_payload,
      handleProtocols: (offered) => (offered.has(route.protocol) ? route.protocol : false),
    });
    sockets.on('wsClientError', (_error, socket, request) => {
      const detail = 'This is no WebSocket handshake of version 13 (RFC 6455).';
      refuseOnSocket(socket, problem(400, 'socket/handshake', detail, chooseRequestId(request)));
    });
    this.routes.set(route.path, { route, sockets });
  }

  onApplicationBootstrap(): void {
    const server = this.adapter.httpAdapter.getHttpServer() as Server;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(server, request, socket, head),
    );
    this.lifecycle.stopping.addEventListener('abort', () => this.endAll());
  }

  beforeApplicationShutdown(): void {
    for (const connection of [...this.connections]) connection.cut();
  }

  private upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the WebSocket takes it over, nobody else hears of a connection that breaks.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      this.answerPlainly(server, request, socket);
      return;
    }
    const found = this.routes.get(request.url ?? '');
    const refusal = this.refusalOf(request, found?.route);
    if (refusal !== null || found === undefined) {
      refuseOnSocket(socket, refusal ?? problemOf(undefined, chooseRequestId(request)));
      return;
    }
    const { route, sockets } = found;
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', onError);
      this.take(webSocket, route, request);
    });
  }

  private take(webSocket: WebSocket, route: SocketRoute, request: IncomingMessage): void {
    const connection = new Connection(webSocket, this.streams, this.pings);
    this.connections.add(connection);
    connection.closed.addEventListener('abort', () => this.connections.delete(connection), { once: true });
    route.accept(connection, bearerOf(request.headers));
  }

  /** Why a connection may not become a WebSocket; null when it may. */
  private refusalOf(request: IncomingMessage, route: SocketRoute | undefined): Problem | null {
    const id = chooseRequestId(request);
    const fault = faultOf(request);
    if (fault !== undefined) return problemOf(fault, id);
    if (!isKnownHost(this.http.hostNames, request)) return foreignHost(id);
    const { origin } = request.headers;
    if (origin !== undefined && !this.addresses.isKnownOrigin(origin))
      return problem(
        403,
        'http/foreign-origin',
        'Pages of other sites cannot connect. CORS_ORIGINS names those that may.',
        id,
      );
    if (route === undefined) {
      const known = this.routes.has((request.url ?? '').split('?')[0] ?? '');
      return known
        ? problem(400, 'socket/query', 'This address takes no query. A token never belongs into an address.', id)
        : problem(404, 'request/no-such-route', 'There is no WebSocket at this address.', id);
    }
    try {
      if (this.lifecycle.stopping.aborted) throw new Stopping();
      route.admit();
      return null;
    } catch (error) {
      if (error instanceof DomainError) return problemOf(error, id);
      throw error;
    }
  }

  /** A server need not take an offer (RFC 9110 §7.8), such as that of HTTP/2 by some clients: it just answers. */
  private answerPlainly(server: Server, request: IncomingMessage, socket: Duplex): void {
    if (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0) {
      const detail = 'A request with a body cannot offer another protocol here.';
      refuseOnSocket(socket, problem(400, 'request/malformed', detail, chooseRequestId(request)));
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => request.socket.destroySoon());
    server.emit('request', request, response);
  }

  private endAll(): void {
    for (const connection of [...this.connections]) connection.end('shutdown');
  }
}
