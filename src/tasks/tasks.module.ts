import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { EventsModule } from '../events/events.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { DependenciesService } from './dependencies.service.js';
import { DependenciesStore } from './dependencies.store.js';
import { ExplainService } from './explain.service.js';
import { OrganizationTasks } from './organization-tasks.js';
import { TaskChecks } from './task-checks.service.js';
import { TaskCreation } from './task-creation.service.js';
import { TaskMovesService } from './task-moves.service.js';
import { TaskMovesStore } from './task-moves.store.js';
import { TaskNotices } from './task-notices.service.js';
import { TaskRetention } from './task-retention.service.js';
import { TasksController } from './tasks.controller.js';
import { TasksService } from './tasks.service.js';
import { TasksStore } from './tasks.store.js';

@Module({
  imports: [AgentsModule, EventsModule, OrganizationsModule, QueueModule, RepositoriesModule],
  controllers: [TasksController],
  providers: [
    TasksService,
    TasksStore,
    TaskCreation,
    TaskMovesService,
    TaskMovesStore,
    TaskNotices,
    DependenciesService,
    DependenciesStore,
    TaskChecks,
    TaskRetention,
    ExplainService,
    OrganizationTasks,
  ],
  exports: [TasksService, TaskMovesService, TaskRetention],
})
export class TasksModule {}
