import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CallersService } from '../auth/callers.service.js';
import { HintsService } from '../events/hints.service.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { LeasesService } from '../queue/leases.service.js';
import { Rounds } from '../sockets/rounds.js';
import { Strangers } from '../sockets/strangers.js';
import { Upgrades } from '../sockets/upgrades.service.js';
import { LOOK_MS, WorkerChannel } from './worker-channel.js';
import { WorkerVerbs } from './worker-verbs.service.js';

const PATH = '/api/v1/worker-channel';
const PROTOCOL = 'miyabi.worker.v1';
/** As much as the largest request of a worker may have. */
const LARGEST_FRAME = 8 * 1024 * 1024;

/** The fast lane of workers: a WebSocket for each, over which the words of its routes go as messages. */
@Injectable()
export class WorkerChannels implements OnModuleInit {
  private readonly strangers = new Strangers(200);
  private readonly looks = new Rounds(LOOK_MS);

  constructor(
    private readonly upgrades: Upgrades,
    private readonly callers: CallersService,
    private readonly streams: OpenStreams,
    private readonly verbs: WorkerVerbs,
    private readonly leases: LeasesService,
    private readonly hints: HintsService,
  ) {}

  onModuleInit(): void {
    const { callers, streams, verbs, leases, hints, looks } = this;
    this.upgrades.serve({
      path: PATH,
      protocol: PROTOCOL,
      max_payload: LARGEST_FRAME,
      admit: () => {
        streams.assertRoom();
        this.strangers.assertRoom();
      },
      accept: (connection, token) => {
        const known = this.strangers.add(connection);
        new WorkerChannel(connection, { callers, streams, verbs, leases, hints, looks, known }).begin(token);
      },
    });
  }
}
