import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { AgentsModule } from './agents/agents.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { BranchesModule } from './branches/branches.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Configuration } from './config/load.js';
import { CoordinatorsModule } from './coordinators/coordinators.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DeploymentsModule } from './deployments/deployments.module.js';
import { DutiesModule } from './duties/duties.module.js';
import { EventsModule } from './events/events.module.js';
import { ExecutionsModule } from './executions/executions.module.js';
import { GitHttpModule } from './git/git-http.module.js';
import { HealthModule } from './health/health.module.js';
import { DeadlineInterceptor } from './http/deadline.interceptor.js';
import { InputPipe } from './http/input.pipe.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { LifecycleModule } from './http/lifecycle.module.js';
import { ProblemFilter } from './http/problem.filter.js';
import { LimitsModule } from './limits/limits.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OrganizationsModule } from './organizations/organizations.module.js';
import { QueueModule } from './queue/queue.module.js';
import { RepositoriesModule } from './repositories/repositories.module.js';
import { DeviceSignInModule } from './sign-in/device-sign-in.module.js';
import { GithubSignInModule } from './sign-in/github-sign-in.module.js';
import { TasksModule } from './tasks/tasks.module.js';
import { WebPagesModule } from './web-pages/web-pages.module.js';
import { DownloadsModule } from './downloads/downloads.module.js';
import { WorkersModule } from './workers/workers.module.js';
import { WorktreesModule } from './worktrees/worktrees.module.js';

/** The list of features. */
@Module({})
export class AppModule {
  static with(configuration: Configuration): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(configuration),
        DatabaseModule,
        LifecycleModule,
        MetricsModule,
        DutiesModule,
        IdempotencyModule,
        HealthModule,
        AuditModule,
        LimitsModule,
        AuthModule,
        DownloadsModule,
        DeviceSignInModule,
        WebPagesModule,
        GithubSignInModule,
        OrganizationsModule,
        RepositoriesModule,
        GitHttpModule,
        AgentsModule,
        EventsModule,
        QueueModule,
        TasksModule,
        ExecutionsModule,
        BranchesModule,
        WorkersModule,
        WorktreesModule,
        CoordinatorsModule,
        DeploymentsModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useExisting: InputPipe },
        { provide: APP_INTERCEPTOR, useClass: DeadlineInterceptor },
      ],
    };
  }
}
