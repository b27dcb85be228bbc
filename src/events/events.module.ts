import { Module } from '@nestjs/common';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { EventsStore } from './events.store.js';
import { HintsService } from './hints.service.js';
import { SequencerDuty } from './sequencer.duty.js';

@Module({
  controllers: [EventsController],
  providers: [EventsService, EventsStore, HintsService, SequencerDuty],
  exports: [EventsService, HintsService],
})
export class EventsModule {}
