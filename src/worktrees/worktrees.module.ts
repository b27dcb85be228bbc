import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { GitModule } from '../git/git.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { WorktreeDiffs } from './worktree-diffs.service.js';
import { WorktreeLists } from './worktree-lists.service.js';
import { WorktreeReportsController } from './worktree-reports.controller.js';
import { WorktreeReports } from './worktree-reports.service.js';
import { WorktreeReportsStore } from './worktree-reports.store.js';
import { WorktreesController } from './worktrees.controller.js';
import { WorktreesStore } from './worktrees.store.js';

@Module({
  imports: [AuthModule, ExecutionsModule, GitModule, QueueModule, RepositoriesModule],
  controllers: [WorktreesController, WorktreeReportsController],
  providers: [WorktreeReports, WorktreeReportsStore, WorktreesStore, WorktreeLists, WorktreeDiffs],
})
export class WorktreesModule {}
