import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { EventsModule } from '../events/events.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { AgentTasksController } from './agent-tasks.controller.js';
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
import { RepositoryTasks } from './repository-tasks.js';
import { TaskActions } from './task-actions.service.js';
import { TaskBatchesController } from './task-batches.controller.js';
import { TaskCountsDuty } from './task-counts.duty.js';
import { TaskHistory } from './task-history.service.js';
import { TaskLists } from './task-lists.service.js';
import { TaskListsStore } from './task-lists.store.js';
import { TaskRelationsController } from './task-relations.controller.js';
import { TaskStatsService } from './task-stats.service.js';
import { TaskStatsStore } from './task-stats.store.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksController } from './tasks.controller.js';
import { TasksService } from './tasks.service.js';
import { TasksStore } from './tasks.store.js';

@Module({
  imports: [AgentsModule, EventsModule, OrganizationsModule, QueueModule, RepositoriesModule],
  // `/tasks/stats` has to be found before `/tasks/:id`.
  controllers: [TaskBatchesController, TasksController, TaskRelationsController, AgentTasksController],
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
    RepositoryTasks,
    TaskActions,
    TaskCountsDuty,
    TaskHistory,
    TaskLists,
    TaskListsStore,
    TaskStatsService,
    TaskStatsStore,
    TaskWatch,
  ],
  exports: [TaskActions, TasksService, TaskMovesService, TaskRetention, TaskStatsService],
})
export class TasksModule {}
