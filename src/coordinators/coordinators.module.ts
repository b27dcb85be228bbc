import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EventsModule } from '../events/events.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { CoordinatorMetricsDuty } from './coordinator-metrics.duty.js';
import { CoordinatorMetricsStore } from './coordinator-metrics.store.js';
import { CoordinatorNewsStore } from './coordinator-news.store.js';
import { CoordinatorReads } from './coordinator-reads.service.js';
import { CoordinatorRecords } from './coordinator-records.service.js';
import { CoordinatorWatchDuty } from './coordinator-watch.duty.js';
import { CoordinatorsController } from './coordinators.controller.js';
import { CoordinatorsService } from './coordinators.service.js';
import { CoordinatorsStore } from './coordinators.store.js';

/** Coordinators: processes that supervise the workers of a host. */
@Module({
  imports: [AuthModule, EventsModule, WorkersModule],
  controllers: [CoordinatorsController],
  providers: [
    CoordinatorsService,
    CoordinatorReads,
    CoordinatorRecords,
    CoordinatorsStore,
    CoordinatorMetricsStore,
    CoordinatorNewsStore,
    CoordinatorWatchDuty,
    CoordinatorMetricsDuty,
  ],
})
export class CoordinatorsModule {}
