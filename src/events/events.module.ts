import { Module } from '@nestjs/common';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { EventRetentionDuty } from './event-retention.duty.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { EventsStore } from './events.store.js';
import { HintsService } from './hints.service.js';
import { OrganizationEvents } from './organization-events.js';
import { SequencerDuty } from './sequencer.duty.js';

@Module({
  imports: [OrganizationsModule],
  controllers: [EventsController],
  providers: [EventsService, EventsStore, HintsService, SequencerDuty, EventRetentionDuty, OrganizationEvents],
  exports: [EventsService, HintsService],
})
export class EventsModule {}
