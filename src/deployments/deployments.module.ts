import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { GitModule } from '../git/git.module.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { DeliveredTasks } from './delivered-tasks.service.js';
import { DeploymentComparison } from './deployment-comparison.service.js';
import { DeploymentLists } from './deployment-lists.service.js';
import { DeploymentEnvironmentsStore } from './deployment-environments.store.js';
import { DeploymentStatusService } from './deployment-status.service.js';
import { DeploymentsController } from './deployments.controller.js';
import { DeploymentsService } from './deployments.service.js';
import { DeploymentsStore } from './deployments.store.js';
import { ReleasedTags } from './released-tags.service.js';

@Module({
  imports: [GitModule, IdempotencyModule, RepositoriesModule, TasksModule, ExecutionsModule, EventsModule],
  controllers: [DeploymentsController],
  providers: [
    DeploymentsStore,
    DeploymentEnvironmentsStore,
    ReleasedTags,
    DeploymentLists,
    DeploymentsService,
    DeploymentStatusService,
    DeploymentComparison,
    DeliveredTasks,
  ],
})
export class DeploymentsModule {}
