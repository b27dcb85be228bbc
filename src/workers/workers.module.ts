import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventsModule } from '../events/events.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { StreamsModule } from '../http/streams.module.js';
import { SocketsModule } from '../sockets/sockets.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { ClaimBriefs } from './claim-briefs.service.js';
import { ClaimsService } from './claims.service.js';
import { ExchangesService } from './exchanges.service.js';
import { FleetController } from './fleet.controller.js';
import { FleetService } from './fleet.service.js';
import { GrantsService } from './grants.service.js';
import { HeartbeatsService } from './heartbeats.service.js';
import { JoinTokensController } from './join-tokens.controller.js';
import { ProtocolController } from './protocol.controller.js';
import { WorkerControlsController } from './worker-controls.controller.js';
import { SupervisedWorkers } from './supervised-workers.service.js';
import { WorkerControls } from './worker-controls.service.js';
import { WorkerControlsStore } from './worker-controls.store.js';
import { WorkerNews } from './worker-news.service.js';
import { WorkerNewsStore } from './worker-news.store.js';
import { WorkerRecords } from './worker-records.service.js';
import { WorkerWatchDuty } from './worker-watch.duty.js';
import { WorkerChannels } from './worker-channels.service.js';
import { WorkerWords } from './worker-words.service.js';
import { WorkerVerbs } from './worker-verbs.service.js';
import { WorkerFiguresService } from './worker-figures.service.js';
import { WorkersController } from './workers.controller.js';
import { WorkersService } from './workers.service.js';
import { WorkerScopes } from './worker-scopes.service.js';
import { WorkersStore } from './workers.store.js';

@Module({
  imports: [
    AgentsModule,
    AuthModule,
    EventsModule,
    ExecutionsModule,
    QueueModule,
    RepositoriesModule,
    SocketsModule,
    StreamsModule,
    TasksModule,
  ],
  // Before `workers/:id`, which would take `workers/join-tokens` for the address of a worker.
  controllers: [JoinTokensController, WorkersController, WorkerControlsController, ProtocolController, FleetController],
  providers: [
    WorkersService,
    WorkersStore,
    WorkerScopes,
    WorkerFiguresService,
    HeartbeatsService,
    ClaimsService,
    GrantsService,
    ClaimBriefs,
    ExchangesService,
    WorkerVerbs,
    WorkerWords,
    WorkerChannels,
    WorkerControls,
    WorkerControlsStore,
    SupervisedWorkers,
    WorkerRecords,
    WorkerNews,
    WorkerNewsStore,
    WorkerWatchDuty,
    FleetService,
  ],
  exports: [WorkersService, SupervisedWorkers],
})
export class WorkersModule {}
