import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { StreamsModule } from '../http/streams.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { EventFeeds } from './event-feeds.service.js';
import { SocketsModule } from '../sockets/sockets.module.js';
import { EventSockets } from './event-sockets.service.js';
import { EventRetentionDuty } from './event-retention.duty.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { EventMarksStore } from './event-marks.store.js';
import { EventsStore } from './events.store.js';
import { HintsService } from './hints.service.js';
import { OrganizationEvents } from './organization-events.js';
import { SequencerDuty } from './sequencer.duty.js';

@Module({
  imports: [AuthModule, OrganizationsModule, SocketsModule, StreamsModule],
  controllers: [EventsController],
  providers: [
    EventsService,
    EventFeeds,
    EventSockets,
    EventsStore,
    EventMarksStore,
    HintsService,
    SequencerDuty,
    EventRetentionDuty,
    OrganizationEvents,
  ],
  exports: [EventsService, HintsService],
})
export class EventsModule {}
