import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { DatabaseProbe } from './database-probe.js';
import { GaugesService } from './gauges.service.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

@Module({
  imports: [EventsModule, QueueModule, TasksModule, WorkersModule],
  controllers: [HealthController, MetricsController],
  providers: [DatabaseProbe, GaugesService],
})
export class HealthModule {}
