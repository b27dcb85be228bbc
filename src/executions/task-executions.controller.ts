import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, PageQuery, type Page } from '../http/page.js';
import { TasksService } from '../tasks/tasks.service.js';
import { ExecutionDto } from './execution.dto.js';
import { ExecutionsService } from './executions.service.js';

/** A path below tasks; here, because tasks know nothing of executions. */
@ApiTags('Tasks')
@Controller('tasks')
export class TaskExecutionsController {
  constructor(
    private readonly tasks: TasksService,
    private readonly executions: ExecutionsService,
  ) {}

  /** List the attempts at a task, newest first. */
  @Get(':id/executions')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: PageOf(ExecutionDto) })
  async list(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: PageQuery,
  ): Promise<Page<ExecutionDto>> {
    await this.tasks.find(principal, id);
    return this.executions.list(principal, { ...query, task_id: id }, (execution) => ExecutionDto.from(execution));
  }
}
