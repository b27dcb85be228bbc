import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { ClaimStore } from './claim.store.js';
import { ConcurrencyStore } from './concurrency.store.js';
import { ExplainStore } from './explain.store.js';
import { FleetPauses } from './fleet-pauses.service.js';
import { FleetPausesStore } from './fleet-pauses.store.js';
import { HeadsService } from './heads.service.js';
import { HeadsStore } from './heads.store.js';
import { KeyPromotionDuty } from './key-promotion.duty.js';
import { LanesStore } from './lanes.store.js';
import { LeaseReportStore } from './lease-report.store.js';
import { LeasesService } from './leases.service.js';
import { LeasesStore } from './leases.store.js';
import { LogAppendStore } from './log-append.store.js';
import { QueueViews } from './queue-views.service.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';
import { ReadyWatch } from './ready-watch.service.js';

@Module({
  imports: [EventsModule],
  providers: [
    QueueService,
    QueueViews,
    HeadsService,
    HeadsStore,
    LeasesService,
    QueueStore,
    ConcurrencyStore,
    LanesStore,
    ClaimStore,
    LeasesStore,
    LeaseReportStore,
    LogAppendStore,
    ExplainStore,
    FleetPauses,
    FleetPausesStore,
    KeyPromotionDuty,
    ReadyWatch,
  ],
  exports: [QueueService, QueueViews, LeasesService, FleetPauses, ReadyWatch],
})
export class QueueModule {}
