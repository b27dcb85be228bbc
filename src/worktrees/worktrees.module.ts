import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { QueueModule } from '../queue/queue.module.js';
import { WorktreeReportsController } from './worktree-reports.controller.js';
import { WorktreeReports } from './worktree-reports.service.js';
import { WorktreeReportsStore } from './worktree-reports.store.js';

@Module({
  imports: [AuthModule, QueueModule],
  controllers: [WorktreeReportsController],
  providers: [WorktreeReports, WorktreeReportsStore],
})
export class WorktreesModule {}
