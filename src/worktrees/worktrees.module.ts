import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventsModule } from '../events/events.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { GitModule } from '../git/git.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { Additions } from './additions.service.js';
import { Cleanups } from './cleanups.service.js';
import { Conflicts } from './conflicts.service.js';
import { ConflictsController } from './conflicts.controller.js';
import { LinkedRecords } from './linked-records.service.js';
import { Removals } from './removals.service.js';
import { WorktreeDiffs } from './worktree-diffs.service.js';
import { WorktreeLists } from './worktree-lists.service.js';
import { WorktreeRemovalController } from './worktree-removal.controller.js';
import { WorktreeReportsController } from './worktree-reports.controller.js';
import { WorktreeReports } from './worktree-reports.service.js';
import { WorktreeReportsStore } from './worktree-reports.store.js';
import { WorktreesController } from './worktrees.controller.js';
import { WorktreesStore } from './worktrees.store.js';

@Module({
  imports: [AuditModule, AuthModule, EventsModule, ExecutionsModule, GitModule, QueueModule, RepositoriesModule],
  controllers: [WorktreesController, WorktreeRemovalController, WorktreeReportsController, ConflictsController],
  providers: [
    WorktreeReports,
    WorktreeReportsStore,
    WorktreesStore,
    LinkedRecords,
    WorktreeLists,
    WorktreeDiffs,
    Removals,
    Cleanups,
    Additions,
    Conflicts,
  ],
})
export class WorktreesModule {}
