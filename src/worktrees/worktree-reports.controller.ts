import { Body, Controller, Put } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { AllowWorker, CurrentWorker } from '../auth/access.js';
import type { WorkerPrincipal } from '../auth/principal.js';
import { ApiIdParam } from '../http/id-param.js';
import { WorktreeInventoryDto, WorktreesReceiptDto } from './worktree-reports.dto.js';
import { WorktreeReports } from './worktree-reports.service.js';

@ApiTags('Worker protocol')
@Controller('workers')
export class WorktreeReportsController {
  constructor(private readonly reports: WorktreeReports) {}

  /** Tell which checkouts there are. All of them: what is not listed is gone. Executions of others are passed over. */
  @Put(':id/worktrees')
  @AllowWorker()
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: WorktreesReceiptDto })
  replace(@CurrentWorker() worker: WorkerPrincipal, @Body() body: WorktreeInventoryDto): Promise<WorktreesReceiptDto> {
    return this.reports.take(worker, body.worktrees);
  }
}
