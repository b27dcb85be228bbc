import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { ClaimStore } from './claim.store.js';
import { ExplainStore } from './explain.store.js';
import { LanesStore } from './lanes.store.js';
import { LeasesService } from './leases.service.js';
import { LeasesStore } from './leases.store.js';
import { LogAppendStore } from './log-append.store.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';

@Module({
  imports: [EventsModule],
  providers: [
    QueueService,
    LeasesService,
    QueueStore,
    LanesStore,
    ClaimStore,
    LeasesStore,
    LogAppendStore,
    ExplainStore,
  ],
  exports: [QueueService, LeasesService],
})
export class QueueModule {}
