import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { AllowWorker, CurrentWorker } from '../auth/access.js';
import type { WorkerPrincipal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { Problems } from '../http/problems.decorator.js';
import { TaskDto } from '../tasks/task.dto.js';
import { ExecutionDto } from './execution.dto.js';
import { FinishDto, FinishReceiptDto } from './finish.dto.js';
import { LogBatchDto, LogReceiptDto, ProgressDto, SignalsDto } from './reports.dto.js';
import { FinishesService } from './finishes.service.js';
import { ReportsService } from './reports.service.js';

@ApiTags('Worker protocol')
@Controller('executions')
export class ReportsController {
  constructor(
    private readonly reports: ReportsService,
    private readonly finishes: FinishesService,
  ) {}

  /** Send log entries. Entries already stored are passed over, so a batch may be sent again; a gap is refused. */
  @Post(':id/logs')
  @AllowWorker()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the execution.')
  @ApiOkResponse({ type: LogReceiptDto })
  @Problems('execution/lease-lost', 'execution/log-offset')
  logs(
    @CurrentWorker() worker: WorkerPrincipal,
    @IdParam() id: string,
    @Body() body: LogBatchDto,
  ): Promise<LogReceiptDto> {
    return this.reports.log(worker, id, body);
  }

  /**
   * Say how far an execution has come, what it used so far, and where it could go on. Over the budget of its task the
   * answer lists it in `cancel`; whatever is then reported but `completed` ends it as failed with the reason `policy`.
   */
  @Post(':id/progress')
  @AllowWorker()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the execution.')
  @ApiOkResponse({ type: SignalsDto })
  @Problems('execution/lease-lost')
  progress(
    @CurrentWorker() worker: WorkerPrincipal,
    @IdParam() id: string,
    @Body() body: ProgressDto,
  ): Promise<SignalsDto> {
    return this.reports.progress(worker, body.toReport(id));
  }

  /** End an execution. Saying the same again is answered like the first time. */
  @Post(':id/finish')
  @AllowWorker()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the execution.')
  @ApiOkResponse({ type: FinishReceiptDto })
  @Problems('execution/lease-lost', 'execution/already-finished')
  async finish(
    @CurrentWorker() worker: WorkerPrincipal,
    @IdParam() id: string,
    @Body() body: FinishDto,
  ): Promise<FinishReceiptDto> {
    const { execution, task, signals } = await this.finishes.finish(worker, {
      id,
      report: body.toReport(),
      last: body.toLastWords(),
    });
    return { execution: ExecutionDto.from(execution), task: TaskDto.from(task), ...signals };
  }
}
