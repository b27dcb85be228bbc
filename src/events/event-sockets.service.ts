import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CallersService } from '../auth/callers.service.js';
import { OpenStreams } from '../http/open-streams.service.js';
import type { Connection } from '../sockets/connection.js';
import { Strangers } from '../sockets/strangers.js';
import { Upgrades } from '../sockets/upgrades.service.js';
import { EventFeeds } from './event-feeds.service.js';
import { EventSocket } from './event-socket.js';

const PATH = '/api/v1/ws';
const PROTOCOL = 'miyabi.v1';
const LARGEST_MESSAGE = 16 * 1024;
const MOST_STRANGERS = 200;

/** Events over WebSockets. */
@Injectable()
export class EventSockets implements OnModuleInit {
  private readonly strangers = new Strangers(MOST_STRANGERS);

  constructor(
    private readonly upgrades: Upgrades,
    private readonly feeds: EventFeeds,
    private readonly streams: OpenStreams,
    private readonly callers: CallersService,
  ) {}

  onModuleInit(): void {
    this.upgrades.serve({
      path: PATH,
      protocol: PROTOCOL,
      max_payload: LARGEST_MESSAGE,
      admit: () => this.admit(),
      accept: (connection, token) => this.accept(connection, token),
    });
  }

  private admit(): void {
    this.streams.assertRoom();
    this.strangers.assertRoom();
  }

  private accept(connection: Connection, token: string | null): void {
    const known = this.strangers.add(connection);
    const { feeds, streams, callers } = this;
    new EventSocket(connection, { feeds, streams, callers, known }).begin(token);
  }
}
