import { Global, Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventsModule } from '../events/events.module.js';
import { GitAccess } from '../git/git-access.js';
import { GitModule } from '../git/git.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { AttemptsService } from './attempts.service.js';
import { ExecutionDiffs } from './execution-diffs.service.js';
import { ExecutionGitAccess } from './execution-git-access.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionsService } from './executions.service.js';
import { ExecutionsStore } from './executions.store.js';
import { FinishesService } from './finishes.service.js';
import { LateWordsService } from './late-words.service.js';
import { StreamsModule } from '../http/streams.module.js';
import { LeaseSweepDuty } from './lease-sweep.duty.js';
import { LogStreamController } from './log-stream.controller.js';
import { LogStreams } from './log-streams.service.js';
import { OutsideWorkController } from './outside-work.controller.js';
import { OutsideWorkService } from './outside-work.service.js';
import { ReportsController } from './reports.controller.js';
import { ReportsService } from './reports.service.js';
import { RetentionDuty } from './retention.duty.js';
import { RetentionStore } from './retention.store.js';
import { SightingsService } from './sightings.service.js';
import { SightsStore } from './sights.store.js';
import { SnapshotSweepDuty } from './snapshot-sweep.duty.js';
import { TaskExecutionsController } from './task-executions.controller.js';

/** Global for GitAccess alone: Git asks for it and must not know who answers. */
@Global()
@Module({
  imports: [
    AgentsModule,
    AuthModule,
    EventsModule,
    GitModule,
    RepositoriesModule,
    StreamsModule,
    QueueModule,
    TasksModule,
  ],
  controllers: [
    ExecutionsController,
    LogStreamController,
    ReportsController,
    TaskExecutionsController,
    OutsideWorkController,
  ],
  providers: [
    ExecutionsService,
    ExecutionsStore,
    ExecutionDiffs,
    LogStreams,
    ReportsService,
    FinishesService,
    LateWordsService,
    AttemptsService,
    OutsideWorkService,
    LeaseSweepDuty,
    RetentionDuty,
    RetentionStore,
    SightingsService,
    SightsStore,
    SnapshotSweepDuty,
    { provide: GitAccess, useClass: ExecutionGitAccess },
  ],
  exports: [ExecutionsService, ExecutionDiffs, FinishesService, ReportsService, SightingsService, GitAccess],
})
export class ExecutionsModule {}
